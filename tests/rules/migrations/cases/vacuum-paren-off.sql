-- expect: nothing
VACUUM (FULL off, ANALYZE) big;
