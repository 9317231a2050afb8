-- expect: nothing
CREATE TABLE n (id int);
ALTER TABLE n ALTER id TYPE bigint;
