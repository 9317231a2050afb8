-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN pid text NOT NULL DEFAULT nanoid(12);
