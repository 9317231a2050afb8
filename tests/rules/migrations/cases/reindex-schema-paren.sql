-- expect: reindex-blocks@3
-- pg-version: 14
REINDEX (VERBOSE) SCHEMA public;
