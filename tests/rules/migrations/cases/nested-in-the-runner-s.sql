-- expect: transaction-nesting@3
-- in-transaction: yes
BEGIN;
CREATE TABLE a (id int);
COMMIT;
