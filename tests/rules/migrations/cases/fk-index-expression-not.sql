-- expect: foreign-key-without-index@2
CREATE TABLE comments2 (id bigserial PRIMARY KEY, post_id bigint REFERENCES posts);
CREATE INDEX c2 ON comments2 ((post_id + 1));
