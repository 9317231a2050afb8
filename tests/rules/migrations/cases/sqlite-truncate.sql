-- expect: sqlite-statement-refused@3
-- dialect: sqlite
TRUNCATE TABLE t;
