-- expect: nothing
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE items ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE items VALIDATE CONSTRAINT positive;
COMMIT;
