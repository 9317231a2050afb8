-- expect: statement-while-holding-access-exclusive@5
-- in-transaction: yes
SET lock_timeout = '2s';
ALTER TABLE users ADD COLUMN score int;
SELECT count(*) FROM users;
