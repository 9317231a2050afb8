-- expect: nothing
-- dialect: sqlite
ALTER TABLE t ADD COLUMN a INTEGER DEFAULT (1);
