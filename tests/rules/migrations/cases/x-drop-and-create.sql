-- expect: drop-table@2 missing-lock-or-statement-timeout@2
DROP TABLE IF EXISTS t;
CREATE TABLE t (id int primary key);
CREATE INDEX ON t (id);
