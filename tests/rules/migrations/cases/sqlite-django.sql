-- expect: sqlite-rebuild-with-foreign-keys-on@6
-- dialect: sqlite
BEGIN;
CREATE TABLE "new__app_a" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "n" text NULL);
INSERT INTO "new__app_a" ("id", "n") SELECT "id", "n" FROM "app_a";
DROP TABLE "app_a";
ALTER TABLE "new__app_a" RENAME TO "app_a";
CREATE INDEX "app_a_n" ON "app_a" ("n");
COMMIT;
