-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD COLUMN seen_at timestamptz DEFAULT clock_timestamp();
