-- expect: column-type-change@2 drop-column@2 foreign-key-validated-under-lock@2 foreign-key-without-index@2 missing-lock-or-statement-timeout@2 required-column-without-default@2 set-not-null-scans@2
ALTER TABLE IF EXISTS public.orders
  ALTER COLUMN amount TYPE numeric(20,4),
  ALTER COLUMN state SET NOT NULL,
  DROP COLUMN IF EXISTS legacy,
  ADD COLUMN region_id int NOT NULL REFERENCES regions (id) ON DELETE CASCADE,
  ALTER COLUMN note DROP DEFAULT;
