-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE t ADD CONSTRAINT ck CHECK (a > 0);
