-- expect: drop-table@4
SET lock_timeout = '2s';
-- shut the old one down
DROP TABLE old_u;
