-- expect: missing-lock-or-statement-timeout@2 rename-column@2
ALTER TABLE "user" RENAME COLUMN "firstName" TO "givenName"
