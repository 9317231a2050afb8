-- expect: drop-table@6
SET lock_timeout = '2s';
-- migrate:down
ALTER TABLE users RENAME TO people;
-- migrate:up
DROP TABLE old_users;
