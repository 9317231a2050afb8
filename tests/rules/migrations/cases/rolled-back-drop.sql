-- expect: drop-table@3 missing-lock-or-statement-timeout@3
BEGIN;
DROP TABLE a;
ROLLBACK;
