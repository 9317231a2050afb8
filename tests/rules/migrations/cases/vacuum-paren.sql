-- expect: full-table-rewrite-command@2 missing-lock-or-statement-timeout@2
VACUUM (FULL, ANALYZE, VERBOSE) big (a, b);
