-- expect: constraint-validated-under-lock@2 missing-lock-or-statement-timeout@2
ALTER TABLE c ADD CONSTRAINT b CHECK (d >= 10 AND d < 20 AND d IS NOT NULL);
ALTER TABLE p ATTACH PARTITION c FOR VALUES FROM (10) TO (20);
