-- expect: transaction-nesting@4 transaction-nesting@6
BEGIN;
CREATE TABLE a (id int);
BEGIN;
COMMIT;
COMMIT;
