-- expect: nothing
-- dialect: sqlite
ALTER TABLE t ADD COLUMN a INTEGER NOT NULL DEFAULT -1;
