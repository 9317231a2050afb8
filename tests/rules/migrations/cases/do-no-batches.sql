-- expect: unbatched-backfill@4
DO $$
BEGIN
  UPDATE users SET locale = 'en';
END $$;
