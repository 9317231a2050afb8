-- expect: nothing
CREATE MATERIALIZED VIEW IF NOT EXISTS stats.totals AS SELECT shop_id, sum(cents) FROM sales GROUP BY 1 WITH NO DATA;
CREATE UNIQUE INDEX totals_shop ON stats.totals (shop_id);
