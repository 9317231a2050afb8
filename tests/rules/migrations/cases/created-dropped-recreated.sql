-- expect: nothing
CREATE TABLE scratch (a int);
DROP TABLE scratch;
CREATE TABLE scratch (a int, b int);
CREATE INDEX ON scratch (b);
