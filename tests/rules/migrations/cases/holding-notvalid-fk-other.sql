-- expect: missing-lock-or-statement-timeout@3 multi-table-ddl-transaction@4
-- in-transaction: yes
ALTER TABLE users ADD COLUMN x int;
ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES users NOT VALID;
