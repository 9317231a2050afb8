-- expect: nothing
BEGIN;
INSERT INTO settings (key, value) VALUES ('x', '1');
COMMIT;
CREATE INDEX CONCURRENTLY i ON t (a);
