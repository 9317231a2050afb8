-- expect: nothing
DROP INDEX CONCURRENTLY IF EXISTS items_order;
CREATE INDEX CONCURRENTLY IF NOT EXISTS items_order ON items (order_id);
