-- expect: ddl-plus-backfill-same-txn@5 statement-while-holding-access-exclusive@5 unbatched-backfill@5
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN score int;
UPDATE users SET score = 0;
COMMIT;
