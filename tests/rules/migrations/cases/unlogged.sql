-- expect: full-table-rewrite-command@2 missing-lock-or-statement-timeout@2
ALTER TABLE staging_rows SET UNLOGGED;
