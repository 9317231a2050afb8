-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE users ADD COLUMN n TEXT UNIQUE;
