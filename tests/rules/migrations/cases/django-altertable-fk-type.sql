-- expect: missing-lock-or-statement-timeout@3 column-type-change@4 foreign-key-validated-under-lock@5 foreign-key-without-index@5 statement-while-holding-access-exclusive@5
-- in-transaction: yes
ALTER TABLE "app_line" DROP CONSTRAINT "app_line_order_id_fk";
ALTER TABLE "app_line" ALTER COLUMN "order_id" TYPE uuid USING "order_id"::uuid;
ALTER TABLE "app_line" ADD CONSTRAINT "app_line_order_id_fk" FOREIGN KEY ("order_id") REFERENCES "app_order" ("id") DEFERRABLE INITIALLY DEFERRED;
SET CONSTRAINTS "app_line_order_id_fk" IMMEDIATE;
