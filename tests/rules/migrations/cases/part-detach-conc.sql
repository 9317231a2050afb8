-- expect: nothing
-- pg-version: 14
ALTER TABLE measurement DETACH PARTITION measurement_y2006m02 CONCURRENTLY;
