-- expect: nothing
CREATE TABLE st (a int);
INSERT INTO st SELECT 1;
TRUNCATE st;
