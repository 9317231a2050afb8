-- expect: uncommitted-transaction@2
BEGIN;
INSERT INTO t VALUES (1);
