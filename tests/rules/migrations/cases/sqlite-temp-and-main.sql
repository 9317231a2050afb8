-- expect: drop-table@6
-- dialect: sqlite
CREATE TABLE main.a (id INTEGER PRIMARY KEY);
CREATE INDEX a_id ON a(id);
CREATE TEMP TABLE b AS SELECT 1 AS id;
DROP TABLE main.b;
DROP TABLE temp.b;
