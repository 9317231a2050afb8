-- expect: drop-table@3
-- dialect: sqlite
DROP TABLE IF EXISTS old;
