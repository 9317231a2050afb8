-- expect: missing-lock-or-statement-timeout@2 set-not-null-scans@2
ALTER TABLE orders -- DROP COLUMN x,
  ALTER COLUMN state /* SET DEFAULT 1 */ SET NOT NULL;
