-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@2
ALTER TABLE orders ALTER COLUMN state SET NOT NULL;
