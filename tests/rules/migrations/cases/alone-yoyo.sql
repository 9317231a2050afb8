-- expect: nothing
-- in-transaction: yes
-- transactional: false
CREATE INDEX CONCURRENTLY ix ON t (a);
