-- expect: missing-lock-or-statement-timeout@3 constraint-validated-under-lock@4 statement-while-holding-access-exclusive@4
-- in-transaction: yes
ALTER TABLE items ADD CONSTRAINT price_positive CHECK (price > 0) NOT VALID;
ALTER TABLE items VALIDATE CONSTRAINT price_positive;
