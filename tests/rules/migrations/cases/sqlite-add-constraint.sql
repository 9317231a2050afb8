-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE users ADD CONSTRAINT u UNIQUE (email);
