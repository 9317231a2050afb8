-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE items ADD CONSTRAINT price_positive CHECK (price > 0) NOT VALID;
