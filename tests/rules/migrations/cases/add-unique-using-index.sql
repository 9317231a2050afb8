-- expect: nothing
CREATE UNIQUE INDEX CONCURRENTLY one_mail ON users (email);
SET lock_timeout = '2s';
ALTER TABLE users ADD CONSTRAINT one_mail UNIQUE USING INDEX one_mail;
