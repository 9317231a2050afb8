-- expect: missing-lock-or-statement-timeout@2 replication-identity-break@2
ALTER TABLE "orders" DROP CONSTRAINT "orders_pkey";
