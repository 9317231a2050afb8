-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE users ADD prefs jsonb NOT NULL DEFAULT '{}'::jsonb;
