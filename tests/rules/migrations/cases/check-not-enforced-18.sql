-- expect: missing-lock-or-statement-timeout@3
-- pg-version: 18
ALTER TABLE items ADD CONSTRAINT price_positive CHECK (price > 0) NOT ENFORCED;
