-- expect: nothing
CREATE EXTENSION postgres_fdw;
CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'h', dbname 'd');
IMPORT FOREIGN SCHEMA public FROM SERVER s INTO local;
