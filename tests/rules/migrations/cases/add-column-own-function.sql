-- expect: add-column-rewrites-table@3
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN number int DEFAULT shop.next_number();
