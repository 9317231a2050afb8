-- expect: sqlite-foreign-keys-pragma-in-transaction@4
-- dialect: sqlite
SAVEPOINT a;
PRAGMA foreign_keys=OFF;
RELEASE a;
