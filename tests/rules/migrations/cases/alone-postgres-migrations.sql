-- expect: nothing
-- in-transaction: yes
-- postgres-migrations disable-transaction
CREATE INDEX CONCURRENTLY ix ON t (a);
