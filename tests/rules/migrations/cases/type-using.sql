-- expect: column-type-change@2 missing-lock-or-statement-timeout@2
ALTER TABLE orders ALTER COLUMN total TYPE numeric(14,4) USING total::numeric(14,4);
