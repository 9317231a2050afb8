-- expect: transaction-nesting@3
-- in-transaction: yes
BEGIN;
INSERT INTO t VALUES (1);
COMMIT;
