-- expect: concurrently-inside-transaction@3
-- in-transaction: yes
CREATE INDEX CONCURRENTLY items_order ON items (order_id);
