-- expect: nothing
CREATE TEMP TABLE dedupe ON COMMIT DROP AS SELECT id FROM users;
CREATE INDEX ON dedupe (id);
