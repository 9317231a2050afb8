-- expect: column-type-change@3 missing-lock-or-statement-timeout@3 replication-identity-break@3 multi-table-ddl-transaction@5 primary-key-built-under-lock@5 statement-while-holding-access-exclusive@5
-- in-transaction: yes
ALTER TABLE "Log" DROP CONSTRAINT "Log_pkey",
ALTER COLUMN "id" SET DATA TYPE BIGINT;
ALTER TABLE "Log2" ADD CONSTRAINT "Log2_pkey" PRIMARY KEY ("id");
