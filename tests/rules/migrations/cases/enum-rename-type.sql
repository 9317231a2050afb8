-- expect: nothing
ALTER TYPE kind RENAME TO kind_t;
