-- expect: full-table-rewrite-command@2 full-table-rewrite-command@3 missing-lock-or-statement-timeout@2
VACUUM (FULL, VERBOSE) users;
CLUSTER orders USING orders_at;
VACUUM ANALYZE users;
