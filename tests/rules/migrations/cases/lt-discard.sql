-- expect: missing-lock-or-statement-timeout@4
SET lock_timeout = '5s';
DISCARD ALL;
ALTER TABLE users ADD COLUMN a int;
