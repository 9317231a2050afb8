-- expect: missing-lock-or-statement-timeout@3
-- pg-version: 18
ALTER TABLE items ADD CONSTRAINT name_nn NOT NULL name NOT VALID;
