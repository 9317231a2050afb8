-- expect: constraint-validated-under-lock@2 missing-lock-or-statement-timeout@2
ALTER TABLE orders ADD COLUMN pct int CONSTRAINT pct_ok CHECK (pct BETWEEN 0 AND 100);
