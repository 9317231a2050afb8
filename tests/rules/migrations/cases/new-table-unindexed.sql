-- expect: foreign-key-without-index@2
CREATE TABLE notes (
  id bigint PRIMARY KEY,
  author_id bigint,
  CONSTRAINT by_whom FOREIGN KEY (author_id) REFERENCES users (id)
);
CREATE INDEX ON notes (author_id) WHERE id > 5;
