-- expect: constraint-validated-under-lock@2 missing-lock-or-statement-timeout@2
ALTER TABLE items ADD CONSTRAINT c CHECK (state <> 'NOT VALID');
