-- expect: index-build-blocks-writes@2 missing-lock-or-statement-timeout@2
CREATE UNIQUE INDEX totals_shop ON stats.totals (shop_id);
