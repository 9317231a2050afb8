-- expect: transaction-nesting@3 missing-lock-or-statement-timeout@4
-- in-transaction: yes
START TRANSACTION;
ALTER TABLE a ADD COLUMN x int;
COMMIT;
