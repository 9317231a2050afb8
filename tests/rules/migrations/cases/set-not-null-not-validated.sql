-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@3
ALTER TABLE orders ADD CONSTRAINT state_set CHECK (state IS NOT NULL) NOT VALID;
ALTER TABLE orders ALTER COLUMN state SET NOT NULL;
