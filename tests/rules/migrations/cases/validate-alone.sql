-- expect: nothing
ALTER TABLE items VALIDATE CONSTRAINT price_positive;
