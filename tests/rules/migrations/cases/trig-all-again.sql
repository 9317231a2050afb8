-- expect: disable-trigger-all@3 missing-lock-or-statement-timeout@3
BEGIN;
ALTER TABLE orders DISABLE TRIGGER ALL;
UPDATE orders SET a = 1 WHERE id = 7;
ALTER TABLE orders ENABLE TRIGGER ALL;
COMMIT;
