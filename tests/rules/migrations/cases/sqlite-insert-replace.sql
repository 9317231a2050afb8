-- expect: nothing
-- dialect: sqlite
INSERT OR REPLACE INTO t VALUES (1, 'DELETE FROM t');
REPLACE INTO t VALUES (2, 'x');
