-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE users ALTER COLUMN n TYPE bigint;
