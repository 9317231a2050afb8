-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders ADD CONSTRAINT fk_u FOREIGN KEY (user_id) REFERENCES users (id) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL NOT VALID;
