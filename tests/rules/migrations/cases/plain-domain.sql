-- expect: missing-lock-or-statement-timeout@3
CREATE DOMAIN label AS text;
ALTER TABLE users ADD COLUMN l label;
