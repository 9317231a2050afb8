-- expect: add-column-rewrites-table@3 missing-lock-or-statement-timeout@3
-- pg-version: 18
ALTER TABLE t ADD COLUMN id2 uuid DEFAULT uuidv7();
