-- expect: nothing
DO $$ DECLARE q text := 'SELECT count(*) FROM users'; n int; note text;
BEGIN
  note := 'DROP TABLE users';
  EXECUTE q INTO n;
  RAISE NOTICE '%', note;
END $$;
