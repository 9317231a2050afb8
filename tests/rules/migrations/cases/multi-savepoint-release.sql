-- expect: missing-lock-or-statement-timeout@4 multi-table-ddl-transaction@6
-- in-transaction: yes
SAVEPOINT s;
ALTER TABLE a ADD COLUMN x int;
RELEASE s;
ALTER TABLE b ADD COLUMN x int;
