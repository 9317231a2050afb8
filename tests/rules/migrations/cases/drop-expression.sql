-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE lots ALTER COLUMN total DROP EXPRESSION IF EXISTS;
