-- expect: column-type-change@3 missing-lock-or-statement-timeout@3
-- AlterTable
ALTER TABLE "User" ALTER COLUMN "createdAt" SET DATA TYPE TIMESTAMPTZ(6);
