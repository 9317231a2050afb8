-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE USING INDEX users_email_idx DEFERRABLE INITIALLY IMMEDIATE;
