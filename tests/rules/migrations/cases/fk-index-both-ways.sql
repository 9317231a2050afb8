-- expect: nothing
SET lock_timeout = '2s';
CREATE INDEX CONCURRENTLY c_at ON comments (created_at, user_id);
CREATE INDEX CONCURRENTLY c_user ON comments (user_id, created_at);
ALTER TABLE comments ADD CONSTRAINT c_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
