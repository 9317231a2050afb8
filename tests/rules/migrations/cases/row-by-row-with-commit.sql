-- expect: nothing
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT id, raw FROM docs LOOP
    UPDATE docs SET parsed = r.raw::jsonb WHERE id = r.id;
    COMMIT;
  END LOOP;
END $$;
