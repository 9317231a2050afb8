-- expect: nothing
DO $$ BEGIN RAISE NOTICE 'DROP TABLE users;'; PERFORM 1; END $$;
