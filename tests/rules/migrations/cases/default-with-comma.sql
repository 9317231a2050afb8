-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a text DEFAULT 'x, DROP COLUMN y', ADD COLUMN b numeric(10, 2) DEFAULT 0;
