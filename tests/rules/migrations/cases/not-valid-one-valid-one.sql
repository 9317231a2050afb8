-- expect: constraint-validated-under-lock@2 missing-lock-or-statement-timeout@2
ALTER TABLE items ADD CONSTRAINT a CHECK (x > 0) NOT VALID, ADD CONSTRAINT b CHECK (y > 0);
