-- expect: nothing
DROP INDEX CONCURRENTLY IF EXISTS "app"."idx_one";
