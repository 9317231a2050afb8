-- expect: nothing
CREATE TABLE docs2 (title text, ts tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED);
CREATE INDEX ON docs2 USING gin (ts);
