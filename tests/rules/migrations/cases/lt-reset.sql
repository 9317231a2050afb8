-- expect: missing-lock-or-statement-timeout@4
SET lock_timeout = '1s';
RESET lock_timeout;
ALTER TABLE users ADD COLUMN a int;
