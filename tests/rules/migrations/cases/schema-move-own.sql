-- expect: nothing
CREATE SCHEMA staging;
CREATE TABLE t9 (a int);
ALTER TABLE t9 SET SCHEMA staging;
