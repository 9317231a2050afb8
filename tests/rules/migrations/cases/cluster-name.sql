-- expect: full-table-rewrite-command@2 missing-lock-or-statement-timeout@2
cluster "Orders" using "Orders_pkey";
