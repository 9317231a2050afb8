-- expect: constraint-validated-under-lock@3
SET lock_timeout = '2s';
ALTER TABLE items ADD CHECK (price > 0);
