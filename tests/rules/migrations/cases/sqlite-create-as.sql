-- expect: nothing
-- dialect: sqlite
CREATE TABLE backup_t AS SELECT * FROM t;
CREATE UNIQUE INDEX b1 ON backup_t (id);
