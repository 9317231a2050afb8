-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE users DROP CONSTRAINT u;
