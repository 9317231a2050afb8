-- expect: missing-lock-or-statement-timeout@3 rename-table@3 multi-table-ddl-transaction@4 rename-table@4
BEGIN;
ALTER TABLE users RENAME TO users_old;
ALTER TABLE users_new RENAME TO users;
COMMIT;
