-- expect: uncommitted-transaction@4
BEGIN;
INSERT INTO t VALUES (1);
COMMIT AND CHAIN;
