-- expect: nothing
CREATE SCHEMA tmp_x;
DROP SCHEMA tmp_x;
