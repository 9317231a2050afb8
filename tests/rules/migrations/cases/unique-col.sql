-- expect: missing-lock-or-statement-timeout@2 unique-built-under-lock@2
ALTER TABLE users ADD COLUMN slug text UNIQUE;
