-- expect: add-column-rewrites-table@4
-- pg-version: 10
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN paid boolean DEFAULT false;
