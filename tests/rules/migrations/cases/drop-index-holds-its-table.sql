-- expect: index-drop-blocks@4 index-build-blocks-writes@5 statement-while-holding-access-exclusive@5
SET lock_timeout = '2s';
BEGIN;
DROP INDEX ix;
CREATE INDEX ix ON other (x);
COMMIT;
