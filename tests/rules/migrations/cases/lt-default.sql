-- expect: missing-lock-or-statement-timeout@3
SET lock_timeout TO DEFAULT;
ALTER TABLE a ADD COLUMN x int;
