-- expect: unbatched-backfill@6
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT id, raw FROM docs LOOP
    UPDATE docs SET parsed = r.raw::jsonb WHERE id = r.id;
  END LOOP;
END $$;
