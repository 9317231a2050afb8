-- expect: sqlite-alter-refused@3 sqlite-statement-refused@4
-- dialect: sqlite
ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT;
CREATE INDEX CONCURRENTLY ix ON t(a);
