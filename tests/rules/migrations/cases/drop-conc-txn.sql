-- expect: concurrently-inside-transaction@3
-- in-transaction: yes
DROP INDEX CONCURRENTLY idx_one;
