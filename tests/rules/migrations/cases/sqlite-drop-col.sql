-- expect: drop-column@3
-- dialect: sqlite
ALTER TABLE users DROP COLUMN nick;
