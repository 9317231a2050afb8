-- expect: nothing
create table t (id int primary key);
---- create above / drop below ----
drop table u;
