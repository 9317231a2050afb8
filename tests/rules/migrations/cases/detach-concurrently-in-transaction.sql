-- expect: concurrently-inside-transaction@4
-- in-transaction: yes
SET lock_timeout = '2s';
ALTER TABLE parts DETACH PARTITION parts_2019 CONCURRENTLY;
