-- expect: missing-lock-or-statement-timeout@3 constraint-validated-under-lock@4 foreign-key-validated-under-lock@4
-- in-transaction: yes
ALTER TABLE orders ADD CONSTRAINT fk_u FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT fk_u;
