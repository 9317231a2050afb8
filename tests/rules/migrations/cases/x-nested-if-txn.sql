-- expect: transaction-nesting@3
-- in-transaction: yes
BEGIN TRANSACTION;
INSERT INTO a VALUES (1);
COMMIT TRANSACTION;
