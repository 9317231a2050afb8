-- expect: nothing
-- rambler up
CREATE TABLE u (id int primary key);
-- rambler down
DROP TABLE old_u;
