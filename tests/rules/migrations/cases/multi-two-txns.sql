-- expect: missing-lock-or-statement-timeout@2
BEGIN; ALTER TABLE users ADD COLUMN a int; COMMIT;
BEGIN; ALTER TABLE orders ADD COLUMN a int; COMMIT;
