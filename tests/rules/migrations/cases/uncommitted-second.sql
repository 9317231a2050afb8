-- expect: uncommitted-transaction@5
BEGIN;
INSERT INTO a VALUES (1);
COMMIT;
BEGIN;
INSERT INTO a VALUES (2);
