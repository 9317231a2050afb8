-- expect: add-column-rewrites-table@3 missing-lock-or-statement-timeout@3
-- pg-version: 10
ALTER TABLE t ADD COLUMN a timestamptz DEFAULT now();
