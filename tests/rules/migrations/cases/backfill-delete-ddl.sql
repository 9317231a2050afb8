-- expect: unbatched-backfill@3 constraint-validated-under-lock@4 ddl-plus-backfill-same-txn@4 missing-lock-or-statement-timeout@4
-- in-transaction: yes
DELETE FROM orders WHERE total < 0;
ALTER TABLE orders ADD CONSTRAINT total_pos CHECK (total >= 0);
