-- expect: missing-lock-or-statement-timeout@6
-- in-transaction: yes
--liquibase formatted sql

--changeset ann:1 splitStatements:true endDelimiter:;
ALTER TABLE a ADD COLUMN x int;
--rollback ALTER TABLE a DROP COLUMN x;

--changeset ann:2
ALTER TABLE b ADD COLUMN x int;
--rollback ALTER TABLE b DROP COLUMN x;
