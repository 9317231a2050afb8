-- expect: invalid-index-retry@2
CREATE INDEX CONCURRENTLY IF NOT EXISTS items_order ON items (order_id);
