-- expect: nothing
-- in-transaction: yes
-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY u_name ON users (name);
-- migrate:down transaction:false
DROP INDEX u_name;
