-- expect: nothing
-- // a table
CREATE TABLE u (id int primary key);
-- //@UNDO
DROP TABLE old_u;
