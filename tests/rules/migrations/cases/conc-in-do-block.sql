-- expect: concurrently-inside-transaction@4
DO $$
BEGIN
  CREATE INDEX CONCURRENTLY idx_z ON zebras (stripes);
END $$;
