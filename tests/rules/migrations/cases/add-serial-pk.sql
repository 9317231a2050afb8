-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2 primary-key-built-under-lock@2
ALTER TABLE joins ADD COLUMN id bigserial PRIMARY KEY;
