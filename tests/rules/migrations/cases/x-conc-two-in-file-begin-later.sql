-- expect: nothing
CREATE INDEX CONCURRENTLY a ON t (a);
BEGIN;
INSERT INTO schema_version VALUES (1);
COMMIT;
