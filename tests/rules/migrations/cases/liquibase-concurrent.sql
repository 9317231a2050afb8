-- expect: nothing
-- in-transaction: yes
--liquibase formatted sql
--changeset ann:3 runInTransaction:false
CREATE INDEX CONCURRENTLY ia ON a (x);
--rollback DROP INDEX CONCURRENTLY ia;
