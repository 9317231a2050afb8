-- expect: reindex-blocks@3
-- pg-version: 14
REINDEX (CONCURRENTLY FALSE) TABLE my_table;
