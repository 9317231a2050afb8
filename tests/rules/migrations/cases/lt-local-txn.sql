-- expect: nothing
-- in-transaction: yes
SET LOCAL lock_timeout = '5s';
ALTER TABLE users ADD COLUMN a int;
