-- expect: index-build-blocks-writes@3
SET lock_timeout = '2s';
CREATE INDEX items_order ON items (order_id);
