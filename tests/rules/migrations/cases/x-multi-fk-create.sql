-- expect: missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE a ADD COLUMN b int;
CREATE TABLE c (id int primary key, a_id int REFERENCES a (id));
CREATE INDEX ON c (a_id);
