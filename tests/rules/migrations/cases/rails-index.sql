-- expect: index-build-blocks-writes@4 missing-lock-or-statement-timeout@4
-- in-transaction: yes
-- AddIndexToOrdersOnUserId
CREATE INDEX "index_orders_on_user_id" ON "orders" ("user_id");
