-- expect: missing-lock-or-statement-timeout@3 primary-key-built-under-lock@4
BEGIN TRANSACTION;
ALTER TABLE "public"."t" DROP CONSTRAINT "t_pkey";
ALTER TABLE "public"."t" ADD CONSTRAINT "t_pkey" PRIMARY KEY ("id", "tenant");
COMMIT TRANSACTION;
