-- expect: sqlite-statement-refused@3 sqlite-statement-refused@4 sqlite-statement-refused@5 sqlite-statement-refused@6
-- dialect: sqlite
SET lock_timeout = '2s';
CREATE TYPE mood AS ENUM ('a');
DROP TABLE a, b CASCADE;
DO $$ BEGIN NULL; END $$;
