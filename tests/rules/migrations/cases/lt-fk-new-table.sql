-- expect: foreign-key-without-index@2
CREATE TABLE a1 (u int REFERENCES users (id));
