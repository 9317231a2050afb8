-- expect: nothing
DO $$ BEGIN
    CREATE TYPE status AS ENUM ('a', 'b');
EXCEPTION
    WHEN duplicate_object THEN null;
END $$;
