-- expect: drop-table@7 missing-lock-or-statement-timeout@7
DO $$
BEGIN
  BEGIN
    PERFORM 1;
  EXCEPTION WHEN OTHERS THEN
    DROP TABLE broken_one;
  END;
END $$;
