-- expect: nothing
CREATE TABLE tmp_load (a int, b int);
ALTER TABLE tmp_load DROP COLUMN b;
