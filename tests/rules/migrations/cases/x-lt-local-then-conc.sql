-- expect: nothing
BEGIN;
SET LOCAL lock_timeout TO '2s';
ALTER TABLE a ADD COLUMN b int;
COMMIT;
CREATE INDEX CONCURRENTLY a_b ON a (b);
