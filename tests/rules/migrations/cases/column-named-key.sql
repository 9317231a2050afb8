-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD key text, ADD COLUMN value jsonb DEFAULT '{"a": "NOT NULL, UNIQUE"}';
