-- expect: missing-lock-or-statement-timeout@2 rename-table@2
ALTER TABLE users SET SCHEMA legacy;
