-- expect: nothing
SET lock_timeout = '2s';
ALTER TABLE users ADD COLUMN score int;
ALTER TABLE teams ADD COLUMN score int;
