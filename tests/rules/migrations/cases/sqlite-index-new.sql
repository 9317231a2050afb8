-- expect: nothing
-- dialect: sqlite
CREATE TABLE x (a TEXT);
CREATE INDEX i ON x (a);
