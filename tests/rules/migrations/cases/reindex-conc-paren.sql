-- expect: nothing
-- pg-version: 14
REINDEX (CONCURRENTLY, VERBOSE) TABLE my_table;
