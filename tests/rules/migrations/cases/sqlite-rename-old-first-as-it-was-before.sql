-- expect: nothing
-- dialect: sqlite
PRAGMA foreign_keys=off;
PRAGMA legacy_alter_table=ON;
BEGIN;
ALTER TABLE t RENAME TO t_old;
CREATE TABLE t (id INTEGER PRIMARY KEY);
INSERT INTO t SELECT id FROM t_old;
DROP TABLE t_old;
COMMIT;
