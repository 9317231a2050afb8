-- expect: nothing
CREATE TABLE orders2 (id int);
ALTER TABLE orders2 ADD COLUMN region text NOT NULL;
