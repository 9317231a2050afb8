-- expect: missing-lock-or-statement-timeout@6 rename-column@6
DO $$
BEGIN
  IF EXISTS(SELECT * FROM information_schema.columns WHERE table_name='users' and column_name='name')
  THEN
      ALTER TABLE "public"."users" RENAME COLUMN "name" TO "full_name";
  END IF;
END $$;
