-- expect: nothing
-- in-transaction: yes
REFRESH MATERIALIZED VIEW CONCURRENTLY stats.totals;
