-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE posts ADD COLUMN tags text[] NOT NULL DEFAULT '{}'::text[], ADD COLUMN views bigint DEFAULT 0;
