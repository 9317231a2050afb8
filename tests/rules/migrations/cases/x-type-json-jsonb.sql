-- expect: column-type-change@2 missing-lock-or-statement-timeout@2
ALTER TABLE t ALTER COLUMN doc TYPE jsonb USING doc::jsonb, ALTER COLUMN doc SET DEFAULT '{}';
