-- expect: concurrently-inside-transaction@5
-- in-transaction: yes
SAVEPOINT a;
RELEASE SAVEPOINT a;
CREATE INDEX CONCURRENTLY a ON t (a);
