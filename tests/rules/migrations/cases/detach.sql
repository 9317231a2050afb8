-- expect: partition-detach-blocks@3
SET lock_timeout = '2s';
ALTER TABLE parts DETACH PARTITION parts_2019;
