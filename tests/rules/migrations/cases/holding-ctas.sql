-- expect: missing-lock-or-statement-timeout@3 statement-while-holding-access-exclusive@4
-- in-transaction: yes
ALTER TABLE users ADD COLUMN x int;
CREATE TABLE report AS SELECT * FROM events;
