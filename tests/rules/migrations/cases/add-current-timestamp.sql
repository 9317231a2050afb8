-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD COLUMN created_at timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;
