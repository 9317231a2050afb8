-- expect: missing-lock-or-statement-timeout@3 multi-table-ddl-transaction@4
BEGIN;
ALTER TABLE users DROP CONSTRAINT c1;
ALTER TABLE orders DROP CONSTRAINT c2;
END;
