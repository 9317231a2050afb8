-- expect: missing-lock-or-statement-timeout@3 transaction-nesting@4
-- in-transaction: yes
ALTER TABLE a ADD COLUMN x int;
ROLLBACK;
