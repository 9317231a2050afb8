-- expect: full-table-rewrite-command@2 missing-lock-or-statement-timeout@2
CLUSTER (VERBOSE) a USING i;
