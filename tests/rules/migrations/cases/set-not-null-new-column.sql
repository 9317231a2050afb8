-- expect: missing-lock-or-statement-timeout@3 ddl-plus-backfill-same-txn@4 statement-while-holding-access-exclusive@4 unbatched-backfill@4 ddl-plus-backfill-same-txn@5 set-not-null-scans@5
-- in-transaction: yes
ALTER TABLE orders ADD COLUMN x int;
UPDATE orders SET x = 0;
ALTER TABLE orders ALTER COLUMN x SET NOT NULL;
