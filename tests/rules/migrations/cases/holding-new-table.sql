-- expect: missing-lock-or-statement-timeout@3
BEGIN;
ALTER TABLE users ADD COLUMN team_id bigint;
CREATE TABLE teams2 (id bigint primary key);
CREATE INDEX ON teams2 (id);
INSERT INTO schema_migrations (version) VALUES ('1');
COMMIT;
