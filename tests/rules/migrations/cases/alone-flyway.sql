-- expect: nothing
-- in-transaction: yes
-- flyway:executeInTransaction=false
CREATE INDEX CONCURRENTLY ix ON t (a);
