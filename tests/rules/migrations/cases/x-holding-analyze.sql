-- expect: missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE a ADD COLUMN b int;
ANALYZE a;
