-- expect: add-column-rewrites-table@3
SET lock_timeout = '2s';
ALTER TABLE orders
  ADD COLUMN total numeric(10,2) GENERATED ALWAYS AS (net + tax) STORED;
