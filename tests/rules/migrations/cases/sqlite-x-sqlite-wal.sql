-- expect: nothing
-- dialect: sqlite
PRAGMA journal_mode=WAL;
CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID;
