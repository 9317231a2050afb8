-- expect: nothing
REFRESH MATERIALIZED VIEW CONCURRENTLY stats.totals;
