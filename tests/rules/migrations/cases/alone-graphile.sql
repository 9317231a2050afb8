-- expect: nothing
-- in-transaction: yes
--! no-transaction
CREATE INDEX CONCURRENTLY ix ON t (a);
