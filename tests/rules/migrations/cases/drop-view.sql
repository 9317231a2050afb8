-- expect: nothing
DROP VIEW IF EXISTS v CASCADE;
