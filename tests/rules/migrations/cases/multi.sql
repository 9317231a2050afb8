-- expect: missing-lock-or-statement-timeout@3 multi-table-ddl-transaction@4
-- in-transaction: yes
ALTER TABLE users ADD COLUMN a int;
ALTER TABLE orders ADD COLUMN a int;
