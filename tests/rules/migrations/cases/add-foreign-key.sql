-- expect: foreign-key-validated-under-lock@3 foreign-key-without-index@3
SET lock_timeout = '2s';
ALTER TABLE items ADD CONSTRAINT of_order FOREIGN KEY (order_id) REFERENCES orders (id);
