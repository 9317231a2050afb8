-- expect: foreign-key-validated-under-lock@3 foreign-key-without-index@3 missing-lock-or-statement-timeout@3 ddl-plus-backfill-same-txn@4 unbatched-backfill@4
BEGIN;
ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (u) REFERENCES users (id);
UPDATE orders SET u = 1;
COMMIT;
