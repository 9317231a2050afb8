-- expect: nothing
-- dialect: sqlite
ALTER TABLE users ADD COLUMN note TEXT DEFAULT '';
