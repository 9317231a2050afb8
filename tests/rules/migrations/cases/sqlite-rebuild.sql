-- expect: nothing
-- dialect: sqlite
PRAGMA foreign_keys=OFF;
BEGIN;
CREATE TABLE users_new (id INTEGER PRIMARY KEY, mail TEXT NOT NULL);
INSERT INTO users_new SELECT id, mail FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
PRAGMA foreign_key_check;
COMMIT;
PRAGMA foreign_keys=ON;
