-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@4
ALTER TABLE orders ADD CONSTRAINT c CHECK (state IS NOT NULL OR total > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT c;
ALTER TABLE orders ALTER COLUMN state SET NOT NULL;
