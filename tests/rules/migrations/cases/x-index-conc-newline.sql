-- expect: nothing
CREATE INDEX
CONCURRENTLY
idx ON t
USING gist (a gist_trgm_ops(siglen=32));
