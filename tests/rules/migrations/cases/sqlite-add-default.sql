-- expect: nothing
-- dialect: sqlite
ALTER TABLE users ADD COLUMN n INTEGER NOT NULL DEFAULT 0;
