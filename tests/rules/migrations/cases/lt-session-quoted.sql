-- expect: nothing
SET SESSION lock_timeout TO '750ms';
ALTER TABLE a ADD COLUMN x int;
