-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT;
