-- expect: nothing
-- dialect: sqlite
SAVEPOINT a;
INSERT INTO t VALUES (1);
RELEASE a;
