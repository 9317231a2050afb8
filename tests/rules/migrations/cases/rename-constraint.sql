-- expect: nothing
SET lock_timeout = '2s';
ALTER TABLE users RENAME CONSTRAINT a TO b;
