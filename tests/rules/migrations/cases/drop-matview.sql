-- expect: nothing
DROP MATERIALIZED VIEW IF EXISTS mv;
