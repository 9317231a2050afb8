-- expect: partition-attach@3
SET lock_timeout = '2s';
ALTER TABLE parts ATTACH PARTITION parts_2030 FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
