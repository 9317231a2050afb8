-- expect: nothing
CREATE TABLE IF NOT EXISTS sessions (id uuid primary key, user_id bigint);
CREATE INDEX IF NOT EXISTS sessions_user ON sessions (user_id);
