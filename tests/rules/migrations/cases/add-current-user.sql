-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD COLUMN made_by text DEFAULT CURRENT_USER;
