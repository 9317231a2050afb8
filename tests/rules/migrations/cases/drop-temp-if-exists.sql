-- expect: nothing
CREATE TEMP TABLE IF NOT EXISTS tt (a int);
DROP TABLE IF EXISTS tt;
