-- expect: sqlite-foreign-keys-pragma-in-transaction@4 sqlite-rebuild-with-foreign-keys-on@7
-- dialect: sqlite
BEGIN TRANSACTION;
PRAGMA foreign_keys=OFF;
CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO new_users SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
COMMIT;
