-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE users ALTER COLUMN mail SET NOT NULL;
