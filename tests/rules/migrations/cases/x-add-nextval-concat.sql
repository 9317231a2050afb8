-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a text DEFAULT ('INV-' || nextval('inv_seq'));
