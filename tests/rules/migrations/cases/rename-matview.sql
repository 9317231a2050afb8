-- expect: missing-lock-or-statement-timeout@2 rename-table@2
ALTER MATERIALIZED VIEW stats RENAME TO stats2;
