-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0 AND state IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT c;
ALTER TABLE orders ALTER COLUMN state SET NOT NULL;
