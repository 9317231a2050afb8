-- expect: nothing
SET lock_timeout = '2s';
CREATE INDEX parts_at ON ONLY parts (at);
