-- expect: full-table-rewrite-command@2
VACUUM FULL;
