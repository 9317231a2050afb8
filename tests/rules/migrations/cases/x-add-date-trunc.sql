-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a timestamptz DEFAULT date_trunc('month', now()) + interval '1 month';
