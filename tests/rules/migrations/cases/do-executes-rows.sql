-- expect: set-not-null-scans@5 multi-table-ddl-transaction@5
SET lock_timeout = '2s';
DO $$ DECLARE r record;
BEGIN
  FOR r IN SELECT format('ALTER TABLE %I ALTER COLUMN org SET NOT NULL', tablename) AS ddl FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE r.ddl;
  END LOOP;
END $$;
