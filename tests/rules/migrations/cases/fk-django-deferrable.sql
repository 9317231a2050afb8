-- expect: foreign-key-validated-under-lock@3 foreign-key-without-index@3 missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE "shop_order" ADD CONSTRAINT "shop_order_user_id_fk" FOREIGN KEY ("user_id") REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED;
