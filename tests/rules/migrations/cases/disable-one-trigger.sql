-- expect: nothing
SET lock_timeout = '2s';
ALTER TABLE users DISABLE TRIGGER stamp;
