-- expect: missing-lock-or-statement-timeout@6
BEGIN;
SET LOCAL lock_timeout = '5s';
ALTER TABLE users ADD COLUMN a int;
COMMIT;
ALTER TABLE users ADD COLUMN b int;
