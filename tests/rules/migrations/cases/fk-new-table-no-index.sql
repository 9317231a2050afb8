-- expect: foreign-key-without-index@2
CREATE TABLE line (id int primary key, order_id int NOT NULL REFERENCES orders (id));
