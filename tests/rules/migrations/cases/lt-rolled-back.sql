-- expect: missing-lock-or-statement-timeout@5
BEGIN;
SET lock_timeout = '5s';
ROLLBACK;
ALTER TABLE users ADD COLUMN a int;
