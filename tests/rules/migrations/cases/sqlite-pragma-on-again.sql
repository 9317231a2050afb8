-- expect: sqlite-rebuild-with-foreign-keys-on@7
-- dialect: sqlite
PRAGMA foreign_keys = off;
PRAGMA foreign_keys = on;
BEGIN;
CREATE TABLE t_new (id INTEGER PRIMARY KEY);
DROP TABLE t;
ALTER TABLE t_new RENAME TO t;
COMMIT;
