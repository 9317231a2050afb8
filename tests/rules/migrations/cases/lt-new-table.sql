-- expect: nothing
CREATE TABLE z (a int);
ALTER TABLE z ADD COLUMN b int;
