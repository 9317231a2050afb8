-- expect: nothing
-- dialect: sqlite
DROP VIEW v;
DROP TRIGGER IF EXISTS tr;
