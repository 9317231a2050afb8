-- expect: missing-lock-or-statement-timeout@2 rename-column@2
ALTER TABLE IF EXISTS ONLY t RENAME a TO b;
