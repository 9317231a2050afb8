-- expect: missing-lock-or-statement-timeout@3
SET statement_timeout = '5s';
ALTER TABLE users ADD COLUMN a int;
