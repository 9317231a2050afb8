-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a int[] NOT NULL DEFAULT '{1,2,3}';
