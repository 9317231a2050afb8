-- expect: uncommitted-transaction@2
BEGIN;
SAVEPOINT x;
INSERT INTO a VALUES (1);
RELEASE SAVEPOINT x;
