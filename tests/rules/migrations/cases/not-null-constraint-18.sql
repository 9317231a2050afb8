-- expect: nothing
-- pg-version: 18
SET lock_timeout = '2s';
ALTER TABLE events ADD CONSTRAINT kind_nn NOT NULL kind NOT VALID;
ALTER TABLE events VALIDATE CONSTRAINT kind_nn;
