-- expect: sqlite-writers-blocked@3
-- dialect: sqlite
CREATE INDEX i ON users (email);
