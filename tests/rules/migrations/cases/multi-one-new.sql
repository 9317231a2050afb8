-- expect: missing-lock-or-statement-timeout@5
-- in-transaction: yes
CREATE TABLE teams3 (id int);
ALTER TABLE teams3 ADD COLUMN b int;
ALTER TABLE users ADD COLUMN a int;
