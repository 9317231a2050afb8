-- expect: missing-lock-or-statement-timeout@3
BEGIN;
ALTER TABLE items ADD CONSTRAINT price_positive CHECK (price > 0) NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE items VALIDATE CONSTRAINT price_positive;
COMMIT;
