-- expect: nothing
-- ====  UP  ====
BEGIN;
CREATE TABLE u (id int primary key);
COMMIT;
-- ==== DOWN ====
BEGIN;
DROP TABLE old_u;
COMMIT;
