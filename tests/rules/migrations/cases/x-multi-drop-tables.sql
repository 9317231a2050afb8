-- expect: drop-table@3 missing-lock-or-statement-timeout@3 drop-table@4 multi-table-ddl-transaction@4
-- in-transaction: yes
DROP TABLE a;
DROP TABLE b;
