-- expect: foreign-key-without-index@3
SET lock_timeout = '2s';
ALTER TABLE task ADD CONSTRAINT task_assignee FOREIGN KEY (assignee_id) REFERENCES person NOT VALID;
CREATE INDEX CONCURRENTLY task_open ON task (assignee_id) WHERE closed_at IS NULL;
