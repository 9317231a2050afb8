-- expect: missing-lock-or-statement-timeout@6
BEGIN;
SET LOCAL lock_timeout = '1s';
COMMIT;
BEGIN;
ALTER TABLE a ADD COLUMN x int;
COMMIT;
