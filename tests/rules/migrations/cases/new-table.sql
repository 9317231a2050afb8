-- expect: nothing
CREATE TABLE notes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  author_id bigint NOT NULL REFERENCES users (id),
  body text NOT NULL CHECK (body <> ''),
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON notes (author_id, at DESC);
ALTER TABLE notes ADD CONSTRAINT once UNIQUE (author_id, at);
ALTER TABLE notes ALTER COLUMN at SET NOT NULL;
INSERT INTO notes (author_id, body) SELECT id, 'hello' FROM users;
UPDATE notes SET body = 'hi';
