-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN IF NOT EXISTS n integer GENERATED ALWAYS AS IDENTITY ( SEQUENCE NAME t_n_seq START 1 );
