-- expect: ddl-plus-backfill-same-txn@6 statement-while-holding-access-exclusive@6 unbatched-backfill@6
SET lock_timeout = '2s';
DO $$ BEGIN
  ALTER TABLE users ADD COLUMN a int;
  BEGIN ALTER TABLE users DROP CONSTRAINT c; EXCEPTION WHEN undefined_object THEN NULL; END;
  UPDATE users SET a = 1;
END $$;
