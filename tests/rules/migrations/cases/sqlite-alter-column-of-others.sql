-- expect: sqlite-alter-refused@3 sqlite-alter-refused@4 sqlite-alter-refused@5
-- dialect: sqlite
ALTER TABLE users ALTER COLUMN name TEXT NOT NULL;
ALTER TABLE users MODIFY COLUMN name TEXT;
ALTER TABLE users ALTER name DROP DEFAULT;
