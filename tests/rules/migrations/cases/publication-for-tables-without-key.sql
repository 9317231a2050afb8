-- expect: replication-identity-break@4
CREATE TABLE feed (a int UNIQUE);
CREATE TABLE ok (a int PRIMARY KEY);
CREATE PUBLICATION p FOR TABLE ok, app.other, public.feed WHERE (a > 0) WITH (publish = 'insert, update');
