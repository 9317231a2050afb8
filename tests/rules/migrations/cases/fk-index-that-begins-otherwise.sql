-- expect: foreign-key-without-index@4
SET lock_timeout = '2s';
CREATE INDEX CONCURRENTLY c_at ON comments (created_at, user_id);
ALTER TABLE comments ADD CONSTRAINT c_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
