-- expect: sqlite-rebuild-with-foreign-keys-on@6
-- dialect: sqlite
BEGIN;
CREATE TABLE "new_User" ("id" TEXT NOT NULL PRIMARY KEY);
INSERT INTO "new_User" ("id") SELECT "id" FROM "User";
DROP TABLE "User";
ALTER TABLE "new_User" RENAME TO "User";
COMMIT;
