-- expect: nothing
-- pg-version: 18
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN total numeric GENERATED ALWAYS AS (net + tax) VIRTUAL;
