-- expect: nothing
CREATE TABLE order_tag (order_id int REFERENCES orders, tag_id int, PRIMARY KEY (order_id, tag_id));
