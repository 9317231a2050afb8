-- expect: drop-table@2 missing-lock-or-statement-timeout@2
/* outer /* DROP TABLE a; */ still; DROP TABLE b; */ DROP TABLE c;
