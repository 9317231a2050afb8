-- expect: nothing
-- dialect: sqlite
SAVEPOINT a;
PRAGMA foreign_keys=OFF;
RELEASE a;
