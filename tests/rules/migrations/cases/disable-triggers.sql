-- expect: disable-trigger-all@3
SET lock_timeout = '2s';
ALTER TABLE users DISABLE TRIGGER ALL;
