-- expect: unbatched-backfill@4 unbatched-backfill@9
DO $$ DECLARE n int;
BEGIN
  LOOP UPDATE users SET a = 0 WHERE id IN (SELECT id FROM users WHERE a IS NULL LIMIT 1000);
    EXIT WHEN NOT FOUND;
  END LOOP;
  n := 1;
  WHILE n > 0 LOOP
    DELETE FROM old_rows WHERE ctid IN (SELECT ctid FROM old_rows LIMIT 500);
    GET DIAGNOSTICS n = ROW_COUNT;
  END LOOP;
END $$;
