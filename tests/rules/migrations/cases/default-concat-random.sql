-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN code text DEFAULT 'X' || lpad(floor(random()*1000)::text, 4, '0');
