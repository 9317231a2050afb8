-- expect: nothing
-- in-transaction: yes
select pg_catalog.set_config('lock_timeout', '3s', true);
ALTER TABLE users ADD COLUMN a int;
