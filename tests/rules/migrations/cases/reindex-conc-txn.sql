-- expect: concurrently-inside-transaction@3
-- in-transaction: yes
REINDEX INDEX CONCURRENTLY orders_pkey;
