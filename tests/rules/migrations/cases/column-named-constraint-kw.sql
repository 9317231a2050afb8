-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN "check" int, ADD COLUMN "unique" boolean, ADD "primary" text;
