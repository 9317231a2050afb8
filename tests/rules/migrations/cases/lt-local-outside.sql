-- expect: missing-lock-or-statement-timeout@3
SET LOCAL lock_timeout = '5s';
ALTER TABLE users ADD COLUMN a int;
