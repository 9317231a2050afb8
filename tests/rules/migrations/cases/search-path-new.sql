-- expect: nothing
SET search_path TO tenant_a, public;
CREATE TABLE inv (id int);
CREATE INDEX ON tenant_a.inv (id);
