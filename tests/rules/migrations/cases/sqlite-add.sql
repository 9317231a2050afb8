-- expect: nothing
-- dialect: sqlite
ALTER TABLE users ADD COLUMN nick TEXT;
