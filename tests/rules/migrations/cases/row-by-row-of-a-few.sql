-- expect: nothing
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT id, raw FROM docs WHERE parsed IS NULL LIMIT 500 LOOP
    UPDATE docs SET parsed = r.raw::jsonb WHERE id = r.id;
  END LOOP;
END $$;
