-- expect: nothing
DO $$
DECLARE r record;
BEGIN
  FOR r IN EXECUTE 'SELECT 1' LOOP
    PERFORM pg_sleep(0);
  END LOOP;
END $$;
