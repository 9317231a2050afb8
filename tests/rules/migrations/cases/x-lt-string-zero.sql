-- expect: missing-lock-or-statement-timeout@3
SET lock_timeout = '0';
ALTER TABLE a ADD COLUMN b int;
