-- expect: nothing
-- in-transaction: yes
-- migrate:up
create table users2 (id integer, name varchar(255));
create index on users2 (name);

-- migrate:down
drop table users2;
drop table users;
