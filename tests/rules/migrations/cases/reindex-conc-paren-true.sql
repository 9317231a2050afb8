-- expect: nothing
-- pg-version: 14
REINDEX (VERBOSE ON, CONCURRENTLY TRUE, TABLESPACE fast) INDEX my_index;
