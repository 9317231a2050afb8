-- expect: missing-lock-or-statement-timeout@3
ALTER ROLE app SET lock_timeout = '2s';
ALTER TABLE a ADD COLUMN b int;
