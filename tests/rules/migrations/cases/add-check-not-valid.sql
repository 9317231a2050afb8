-- expect: nothing
SET lock_timeout = '2s';
ALTER TABLE items ADD CONSTRAINT positive CHECK (price > 0) NOT VALID;

ALTER TABLE items VALIDATE CONSTRAINT positive;
