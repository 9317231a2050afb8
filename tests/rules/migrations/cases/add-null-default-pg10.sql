-- expect: missing-lock-or-statement-timeout@3
-- pg-version: 10
ALTER TABLE users ADD COLUMN note text DEFAULT NULL;
