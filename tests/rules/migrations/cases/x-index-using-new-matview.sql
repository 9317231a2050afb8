-- expect: nothing
CREATE MATERIALIZED VIEW a.mv AS SELECT 1 AS x;
CREATE INDEX mvx ON a.mv USING btree (x);
