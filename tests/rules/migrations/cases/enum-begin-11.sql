-- expect: enum-add-value-in-transaction@4
-- pg-version: 11
BEGIN;
ALTER TYPE mood ADD VALUE 'a' BEFORE 'b';
COMMIT;
