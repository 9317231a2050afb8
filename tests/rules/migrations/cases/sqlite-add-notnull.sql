-- expect: required-column-without-default@3
-- dialect: sqlite
ALTER TABLE users ADD COLUMN n INTEGER NOT NULL;
