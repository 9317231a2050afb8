-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();
