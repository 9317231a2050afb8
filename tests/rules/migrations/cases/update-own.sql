-- expect: nothing
CREATE TABLE x1 (a int);
UPDATE x1 SET a = 1;
