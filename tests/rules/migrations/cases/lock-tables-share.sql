-- expect: missing-lock-or-statement-timeout@3
BEGIN;
LOCK a, b IN SHARE MODE;
INSERT INTO audit (note) VALUES ('locked');
COMMIT;
