-- expect: drop-column@3
-- dialect: sqlite
ALTER TABLE t DROP b;
