-- expect: missing-lock-or-statement-timeout@3 multi-table-ddl-transaction@4
-- in-transaction: yes
DROP TRIGGER t1 ON a;
ALTER TABLE b ADD COLUMN x int;
