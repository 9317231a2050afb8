-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE lots ADD COLUMN token uuid;
ALTER TABLE lots ALTER COLUMN token SET DEFAULT gen_random_uuid();
