-- expect: nothing
BEGIN;
SET lock_timeout = '1s';
COMMIT;
ALTER TABLE a ADD COLUMN x int;
