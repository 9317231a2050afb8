-- expect: add-column-rewrites-table@3 missing-lock-or-statement-timeout@3
-- pg-version: 10
ALTER TABLE "users" ADD COLUMN "active" boolean DEFAULT TRUE NOT NULL;
