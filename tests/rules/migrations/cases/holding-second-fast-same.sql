-- expect: missing-lock-or-statement-timeout@3
BEGIN;
ALTER TABLE users ADD COLUMN a text;
ALTER TABLE users ADD COLUMN b text;
COMMENT ON COLUMN users.a IS 'x';
COMMIT;
