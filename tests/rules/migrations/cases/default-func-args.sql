-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE t ADD COLUMN a text NOT NULL DEFAULT coalesce(current_setting('app.tenant', true), 'none');
