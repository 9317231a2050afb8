-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN p point DEFAULT point(0, 0), ADD COLUMN e mood DEFAULT 'ok'::mood;
