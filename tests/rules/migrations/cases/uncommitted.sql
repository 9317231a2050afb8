-- expect: uncommitted-transaction@2
BEGIN;
CREATE TABLE a (id int);
