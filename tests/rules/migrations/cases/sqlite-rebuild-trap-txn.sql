-- expect: sqlite-foreign-keys-pragma-in-transaction@4 sqlite-rebuild-with-foreign-keys-on@7
-- in-transaction: yes
-- dialect: sqlite
PRAGMA foreign_keys = 0;
CREATE TABLE new_users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO new_users SELECT id, name FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
