-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE users ADD COLUMN a int;
