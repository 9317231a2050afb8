-- expect: enum-add-value-in-transaction@4
-- pg-version: 11
DO $$ BEGIN
  ALTER TYPE mood ADD VALUE 'x';
EXCEPTION WHEN duplicate_object THEN null;
END $$;
