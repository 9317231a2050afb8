-- expect: multi-table-ddl-transaction@5
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN score int;
ALTER TABLE teams ADD COLUMN score int;
COMMIT;
