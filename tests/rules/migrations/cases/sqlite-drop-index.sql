-- expect: nothing
-- dialect: sqlite
DROP INDEX IF EXISTS i;
