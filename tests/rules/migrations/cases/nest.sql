-- expect: transaction-nesting@3
BEGIN;
BEGIN;
INSERT INTO t VALUES (1);
COMMIT;
