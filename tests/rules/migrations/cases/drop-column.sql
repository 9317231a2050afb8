-- expect: drop-column@3 drop-column@3
SET lock_timeout = '2s';
ALTER TABLE users DROP COLUMN IF EXISTS nick, DROP old;
