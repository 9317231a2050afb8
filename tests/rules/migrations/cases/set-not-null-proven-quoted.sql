-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE "public"."Order" ADD CONSTRAINT "Order_state_nn" CHECK (("state" IS NOT NULL)) NOT VALID;
ALTER TABLE "public"."Order" VALIDATE CONSTRAINT "Order_state_nn";
ALTER TABLE "public"."Order" ALTER COLUMN "state" SET NOT NULL;
