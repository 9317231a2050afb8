-- expect: nothing
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN paid boolean NOT NULL DEFAULT false, ADD COLUMN tags jsonb DEFAULT '{}'::jsonb;
