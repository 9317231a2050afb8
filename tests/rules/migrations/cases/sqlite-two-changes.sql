-- expect: sqlite-statement-refused@3
-- dialect: sqlite
ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT;
