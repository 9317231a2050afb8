-- expect: constraint-validated-under-lock@2 missing-lock-or-statement-timeout@2
ALTER TABLE a ADD CONSTRAINT c CHECK (jsonb_typeof(doc) = 'object') NO INHERIT;
