-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@4
ALTER TABLE t ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT c;
ALTER TABLE t ALTER COLUMN a SET NOT NULL;
