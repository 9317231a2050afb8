-- expect: missing-lock-or-statement-timeout@3 set-not-null-scans@5
-- pg-version: 11
ALTER TABLE orders ADD CONSTRAINT state_set CHECK (state IS NOT NULL) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT state_set;
ALTER TABLE orders ALTER COLUMN state SET NOT NULL;
