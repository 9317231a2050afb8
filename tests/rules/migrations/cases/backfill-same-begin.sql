-- expect: missing-lock-or-statement-timeout@3 ddl-plus-backfill-same-txn@4 statement-while-holding-access-exclusive@4 unbatched-backfill@4 ddl-plus-backfill-same-txn@5 set-not-null-scans@5
BEGIN;
ALTER TABLE "users" ADD COLUMN "slug" text;
UPDATE "users" SET "slug" = lower("name") WHERE "slug" IS NULL;
ALTER TABLE "users" ALTER COLUMN "slug" SET NOT NULL;
COMMIT;
