-- expect: foreign-key-without-index@2
CREATE TABLE order_tag (order_id int REFERENCES orders, tag_id int REFERENCES tags (id), PRIMARY KEY (order_id, tag_id));
