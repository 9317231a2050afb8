-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders ADD CONSTRAINT fk_u FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
CREATE INDEX CONCURRENTLY orders_user ON orders (user_id);
