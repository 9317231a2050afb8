-- expect: foreign-key-without-index@16
-- in-transaction: yes
-- CreateEnum
CREATE TYPE "Kind" AS ENUM ('A', 'B');
-- CreateTable
CREATE TABLE "Widget" (
    "id" SERIAL NOT NULL,
    "kind" "Kind" NOT NULL DEFAULT 'A',
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ownerId" INTEGER,
    CONSTRAINT "Widget_pkey" PRIMARY KEY ("id")
);
-- CreateIndex
CREATE UNIQUE INDEX "Widget_kind_key" ON "Widget"("kind");
-- AddForeignKey
ALTER TABLE "Widget" ADD CONSTRAINT "Widget_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES "User"("id") ON DELETE SET NULL ON UPDATE CASCADE;
