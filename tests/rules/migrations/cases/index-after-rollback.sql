-- expect: index-build-blocks-writes@5 missing-lock-or-statement-timeout@5
BEGIN;
CREATE TABLE cart (id int);
ROLLBACK;
CREATE INDEX cart_id ON cart (id);
