-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
