-- expect: foreign-key-validated-under-lock@2 foreign-key-without-index@2 missing-lock-or-statement-timeout@2
ALTER TABLE orders ADD COLUMN coupon_id int NOT NULL DEFAULT 1 REFERENCES coupons (id);
