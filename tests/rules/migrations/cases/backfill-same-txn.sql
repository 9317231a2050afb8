-- expect: missing-lock-or-statement-timeout@3 ddl-plus-backfill-same-txn@4 statement-while-holding-access-exclusive@4 unbatched-backfill@4
-- in-transaction: yes
ALTER TABLE users ADD COLUMN locale text;
UPDATE users SET locale = 'en';
