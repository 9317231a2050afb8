-- expect: missing-lock-or-statement-timeout@5
-- in-transaction: yes
CREATE TABLE emails (user_id int, email text);
INSERT INTO emails SELECT id, email FROM users;
ALTER TABLE users ADD COLUMN has_email boolean;
