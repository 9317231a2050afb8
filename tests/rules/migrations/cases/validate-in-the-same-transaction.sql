-- expect: constraint-validated-under-lock@5 statement-while-holding-access-exclusive@5
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE items ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;
ALTER TABLE items VALIDATE CONSTRAINT positive;
COMMIT;
