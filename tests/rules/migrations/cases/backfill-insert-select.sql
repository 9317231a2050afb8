-- expect: missing-lock-or-statement-timeout@3 ddl-plus-backfill-same-txn@4 statement-while-holding-access-exclusive@4
BEGIN;
ALTER TABLE users ADD COLUMN locale text;
INSERT INTO user_locales SELECT id, 'en' FROM users;
COMMIT;
