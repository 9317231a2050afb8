-- expect: nothing
CREATE TABLE k (a int, b int);
CREATE INDEX k_a ON k (a);
DROP INDEX k_a;
