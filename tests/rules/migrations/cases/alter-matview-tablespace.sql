-- expect: full-table-rewrite-command@2 missing-lock-or-statement-timeout@2
ALTER MATERIALIZED VIEW stats SET TABLESPACE fast;
