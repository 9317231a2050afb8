-- expect: drop-not-null@2 missing-lock-or-statement-timeout@2
ALTER TABLE "Order" ALTER COLUMN "customerId" DROP NOT NULL;
