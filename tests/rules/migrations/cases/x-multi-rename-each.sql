-- expect: missing-lock-or-statement-timeout@3 rename-column@3 multi-table-ddl-transaction@4 rename-column@4
-- in-transaction: yes
ALTER TABLE a RENAME COLUMN x TO y;
ALTER TABLE b RENAME COLUMN x TO y;
