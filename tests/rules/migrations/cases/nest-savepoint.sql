-- expect: nothing
-- in-transaction: yes
SAVEPOINT a;
INSERT INTO t VALUES (1);
RELEASE SAVEPOINT a;
