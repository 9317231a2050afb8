-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE users ADD COLUMN score int;
ALTER TABLE users ADD COLUMN place int;
