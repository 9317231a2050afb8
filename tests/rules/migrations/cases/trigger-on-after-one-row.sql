-- expect: nothing
SET lock_timeout = '2s';
BEGIN;
UPDATE orders SET a = 1 WHERE id = 7;
ALTER TABLE orders ENABLE TRIGGER audit;
COMMIT;
