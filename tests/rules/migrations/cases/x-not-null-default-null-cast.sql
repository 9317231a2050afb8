-- expect: missing-lock-or-statement-timeout@2 required-column-without-default@2
ALTER TABLE t ADD COLUMN a text DEFAULT NULL::text NOT NULL;
