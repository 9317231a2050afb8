-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE lots ADD COLUMN code text DEFAULT upper('abc');
