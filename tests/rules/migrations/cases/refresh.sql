-- expect: full-table-rewrite-command@2 missing-lock-or-statement-timeout@2
REFRESH MATERIALIZED VIEW stats.totals;
