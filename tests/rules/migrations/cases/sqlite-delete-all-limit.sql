-- expect: nothing
-- dialect: sqlite
DELETE FROM t WHERE rowid IN (SELECT rowid FROM t WHERE old LIMIT 500);
