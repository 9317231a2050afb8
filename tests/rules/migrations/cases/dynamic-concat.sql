-- expect: drop-table@6 missing-lock-or-statement-timeout@6 multi-table-ddl-transaction@6
DO $$
DECLARE r record;
BEGIN
  FOR r IN (SELECT tablename FROM pg_tables WHERE tablename LIKE 'tmp%') LOOP
    EXECUTE 'DROP TABLE IF EXISTS ' || quote_ident(r.tablename) || ' CASCADE';
  END LOOP;
END $$;
