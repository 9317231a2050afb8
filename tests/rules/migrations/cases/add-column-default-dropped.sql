-- expect: required-column-without-default@3
SET lock_timeout = '2s';
ALTER TABLE orders ADD COLUMN grade int DEFAULT 0 NOT NULL;
ALTER TABLE orders ALTER COLUMN grade DROP DEFAULT;
