-- expect: missing-lock-or-statement-timeout@3 foreign-key-without-index@4
-- in-transaction: yes
ALTER TABLE "orders" ADD "coupon_id" bigint;
ALTER TABLE "orders" ADD CONSTRAINT "fk_rails_1" FOREIGN KEY ("coupon_id") REFERENCES "coupons" ("id") NOT VALID;
