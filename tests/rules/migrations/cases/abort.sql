-- expect: nothing
BEGIN;
DELETE FROM t WHERE id = 1;
ABORT;
