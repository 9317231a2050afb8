-- expect: nothing
CREATE TABLE fresh (a int primary key);
REINDEX TABLE fresh;
