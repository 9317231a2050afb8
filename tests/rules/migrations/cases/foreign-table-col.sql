-- expect: nothing
ALTER FOREIGN TABLE remote_users ADD COLUMN x int;
