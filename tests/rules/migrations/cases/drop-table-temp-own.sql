-- expect: nothing
CREATE TEMPORARY TABLE t1 (a int);
DROP TABLE t1;
