-- expect: missing-lock-or-statement-timeout@5 truncate-table@5
DO $$
BEGIN
  CASE WHEN true THEN
    TRUNCATE cache_rows;
  ELSE
    NULL;
  END CASE;
END $$;
