-- expect: sqlite-writers-blocked@3
-- dialect: sqlite
VACUUM;
