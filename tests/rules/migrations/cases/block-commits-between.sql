-- expect: nothing
SET lock_timeout = '2s';
DO $$
BEGIN
  ALTER TABLE a ADD COLUMN z int;
  COMMIT;
  ALTER TABLE b ADD COLUMN z int;
END $$;
