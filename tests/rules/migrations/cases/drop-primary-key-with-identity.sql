-- expect: nothing
SET lock_timeout = '2s';
ALTER TABLE users REPLICA IDENTITY FULL;
ALTER TABLE users DROP CONSTRAINT users_pkey;
