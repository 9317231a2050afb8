-- expect: nothing
SET lock_timeout = '2s';
CREATE TEMP TABLE scratch AS SELECT id FROM users LIMIT 10;
DROP TABLE scratch;
