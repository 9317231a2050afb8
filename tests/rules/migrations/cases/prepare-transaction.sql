-- expect: uncommitted-transaction@4
BEGIN;
INSERT INTO t VALUES (1);
PREPARE TRANSACTION 'x';
