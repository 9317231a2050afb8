-- expect: nothing
-- in-transaction: yes
-- no-transaction
CREATE INDEX CONCURRENTLY u_name ON users (name);
