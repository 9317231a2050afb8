-- expect: missing-lock-or-statement-timeout@4
BEGIN;
SAVEPOINT a;
ALTER TABLE users ADD COLUMN a int;
ROLLBACK TO a;
ALTER TABLE orders ADD COLUMN a int;
COMMIT;
