-- expect: concurrently-inside-transaction@3
BEGIN;
REINDEX TABLE CONCURRENTLY a;
COMMIT;
