-- expect: transaction-nesting@4
-- dialect: sqlite
BEGIN;
BEGIN;
COMMIT;
