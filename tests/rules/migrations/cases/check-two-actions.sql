-- expect: constraint-validated-under-lock@2 missing-lock-or-statement-timeout@2
ALTER TABLE orders ADD CONSTRAINT a CHECK (x IN ('a', 'b')), ADD CONSTRAINT b CHECK (y ~ '^\d+$') NOT VALID;
