-- expect: missing-lock-or-statement-timeout@3 statement-while-holding-access-exclusive@4
BEGIN;
ALTER TABLE users ADD COLUMN locale text;
SELECT count(*) FROM orders;
COMMIT;
