-- expect: concurrently-inside-transaction@3
BEGIN;
DROP INDEX CONCURRENTLY items_order;
COMMIT;
