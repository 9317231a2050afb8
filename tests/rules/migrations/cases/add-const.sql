-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE "users" ADD COLUMN "active" boolean DEFAULT TRUE NOT NULL;
