-- expect: missing-lock-or-statement-timeout@2 unique-built-under-lock@3
ALTER TABLE items ADD COLUMN slug text;
ALTER TABLE items ADD CONSTRAINT items_slug UNIQUE (slug);
