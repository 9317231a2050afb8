-- expect: rename-table@3
-- dialect: sqlite
ALTER TABLE users RENAME TO people;
