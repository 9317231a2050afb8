-- expect: missing-lock-or-statement-timeout@2 unique-built-under-lock@2
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);
