-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE posts ADD COLUMN tags text[] NOT NULL DEFAULT ARRAY[]::text[];
