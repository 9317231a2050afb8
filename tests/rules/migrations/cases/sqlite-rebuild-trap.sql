-- expect: sqlite-foreign-keys-pragma-in-transaction@4 sqlite-rebuild-with-foreign-keys-on@7
-- dialect: sqlite
BEGIN;
PRAGMA foreign_keys=OFF;
CREATE TABLE users_new (id INTEGER PRIMARY KEY, mail TEXT NOT NULL);
INSERT INTO users_new SELECT id, mail FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
COMMIT;
