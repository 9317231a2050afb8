-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE t ALTER COLUMN a SET NOT NULL;
