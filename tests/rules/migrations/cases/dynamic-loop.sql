-- expect: add-column-rewrites-table@7 missing-lock-or-statement-timeout@7 multi-table-ddl-transaction@7
DO $$
DECLARE
  t text;
BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
    EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS token uuid NOT NULL DEFAULT gen_random_uuid()', t);
  END LOOP;
END;
$$;
