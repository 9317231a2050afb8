-- expect: nothing
VACUUM (ANALYZE, VERBOSE) big;
VACUUM FREEZE big;
