-- expect: nothing
SET lock_timeout = '2s';
ALTER TABLE parts DETACH PARTITION parts_2019 CONCURRENTLY;
