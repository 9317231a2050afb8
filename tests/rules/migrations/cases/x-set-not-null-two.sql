-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@2 set-not-null-scans@2
ALTER TABLE t ALTER COLUMN a SET NOT NULL, ALTER COLUMN b SET NOT NULL;
