-- expect: missing-lock-or-statement-timeout@3
BEGIN;
LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO users (id) VALUES (1);
COMMIT;
