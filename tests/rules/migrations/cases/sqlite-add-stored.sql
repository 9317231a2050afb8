-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE users ADD COLUMN t AS (a + b) STORED;
