-- expect: full-table-rewrite-command@3 missing-lock-or-statement-timeout@3
-- pg-version: 15
ALTER TABLE staging_rows SET ACCESS METHOD columnar;
