-- expect: missing-lock-or-statement-timeout@3 partition-detach-blocks@3
-- pg-version: 12
ALTER TABLE "P" DETACH PARTITION "C";
