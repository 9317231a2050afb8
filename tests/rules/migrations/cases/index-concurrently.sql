-- expect: nothing
CREATE INDEX CONCURRENTLY items_order ON items (order_id);
