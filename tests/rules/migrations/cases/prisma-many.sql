-- expect: drop-column@8 missing-lock-or-statement-timeout@8 drop-column@12 multi-table-ddl-transaction@12 required-column-without-default@12 set-not-null-scans@12 statement-while-holding-access-exclusive@12 index-build-blocks-writes@18 foreign-key-validated-under-lock@21 foreign-key-without-index@21
-- in-transaction: yes
/*
  Warnings:
  - You are about to drop the column `label`; DROP TABLE x;
*/
-- AlterTable
ALTER TABLE "Availability" DROP COLUMN "label",
ADD COLUMN     "scheduleId" INTEGER;

-- AlterTable
ALTER TABLE "Schedule" DROP COLUMN "title",
ADD COLUMN     "name" TEXT NOT NULL,
ADD COLUMN     "timeZone" TEXT,
ALTER COLUMN "userId" SET NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "Schedule_key" ON "Schedule"("eventTypeId");

-- AddForeignKey
ALTER TABLE "Availability" ADD CONSTRAINT "A_fkey" FOREIGN KEY ("scheduleId") REFERENCES "Schedule"("id") ON DELETE SET NULL ON UPDATE CASCADE;
