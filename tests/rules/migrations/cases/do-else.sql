-- expect: drop-column@7 missing-lock-or-statement-timeout@7
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 120000 THEN
    RAISE NOTICE 'ok; DROP TABLE x';
  ELSE
    ALTER TABLE users DROP COLUMN x;
  END IF;
END $$;
