-- expect: index-build-blocks-writes@5 missing-lock-or-statement-timeout@5
DO $do$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = 'idx_z') THEN
    CREATE INDEX idx_z ON zebras (stripes);
  END IF;
END
$do$ LANGUAGE plpgsql;
