-- expect: missing-lock-or-statement-timeout@3 replication-identity-break@3
BEGIN TRANSACTION;
ALTER TABLE "public"."t" DROP CONSTRAINT "t_pkey";
COMMIT TRANSACTION;
