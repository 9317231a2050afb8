-- expect: nothing
-- dialect: sqlite
ALTER TABLE users ADD COLUMN t AS (a + b) VIRTUAL;
