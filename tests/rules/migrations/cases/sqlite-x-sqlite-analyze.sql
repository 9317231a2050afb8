-- expect: nothing
-- dialect: sqlite
ANALYZE;
PRAGMA optimize;
