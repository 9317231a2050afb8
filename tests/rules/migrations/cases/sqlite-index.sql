-- expect: sqlite-writers-blocked@3
-- dialect: sqlite
CREATE INDEX users_mail ON users (mail);
