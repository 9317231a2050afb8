-- expect: concurrently-inside-transaction@3
BEGIN;
CREATE INDEX CONCURRENTLY i ON t (a);
COMMIT;
