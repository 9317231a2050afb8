-- expect: concurrently-inside-transaction@4
-- pg-version: 14
-- in-transaction: yes
ALTER TABLE measurement DETACH PARTITION measurement_y2006m02 CONCURRENTLY;
