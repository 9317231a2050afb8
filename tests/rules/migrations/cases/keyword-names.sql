-- expect: drop-column@2 missing-lock-or-statement-timeout@2
ALTER TABLE "table" DROP COLUMN "column";
