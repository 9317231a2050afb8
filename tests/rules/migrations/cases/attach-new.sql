-- expect: nothing
SET lock_timeout = '2s';
CREATE TABLE parts_2030 (LIKE parts INCLUDING ALL);
ALTER TABLE parts ATTACH PARTITION parts_2030 FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
