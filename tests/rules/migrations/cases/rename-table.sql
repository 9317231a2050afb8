-- expect: rename-table@3
SET lock_timeout = '2s';
ALTER TABLE IF EXISTS ONLY users RENAME TO people;
