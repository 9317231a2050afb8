-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE orders ADD COLUMN seq int NOT NULL GENERATED ALWAYS AS IDENTITY;
