-- expect: nothing
DROP INDEX CONCURRENTLY IF EXISTS items_order;
