-- expect: nothing
CREATE TABLE line (id int primary key, order_id int NOT NULL);
CREATE INDEX ON line (order_id);
ALTER TABLE line ADD CONSTRAINT fk FOREIGN KEY (order_id) REFERENCES orders (id);
