-- expect: index-build-blocks-writes@6 missing-lock-or-statement-timeout@6
BEGIN;
SAVEPOINT s1;
CREATE TABLE cart (id int);
ROLLBACK TO SAVEPOINT s1;
CREATE INDEX cart_id ON cart (id);
COMMIT;
