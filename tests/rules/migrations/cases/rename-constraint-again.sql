-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE users RENAME CONSTRAINT users_pkey TO people_pkey;
