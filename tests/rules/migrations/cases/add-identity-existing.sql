-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE lots ALTER COLUMN no ADD GENERATED ALWAYS AS IDENTITY;
