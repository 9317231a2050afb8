-- expect: primary-key-built-under-lock@3 required-column-without-default@3
SET lock_timeout = '2s';
ALTER TABLE users ADD COLUMN id bigint PRIMARY KEY;
