-- expect: foreign-key-validated-under-lock@3 foreign-key-without-index@3
SET lock_timeout = '2s';
ALTER TABLE users ADD COLUMN team_id bigint REFERENCES teams (id) ON DELETE SET NULL;
