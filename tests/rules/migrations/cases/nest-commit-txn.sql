-- expect: transaction-nesting@4
-- in-transaction: yes
INSERT INTO t VALUES (1);
COMMIT;
