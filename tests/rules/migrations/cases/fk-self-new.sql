-- expect: nothing
CREATE TABLE cats (id int PRIMARY KEY, parent_id int REFERENCES cats (id));
CREATE INDEX cats_parent ON cats (parent_id);
