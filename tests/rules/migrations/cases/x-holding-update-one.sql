-- expect: missing-lock-or-statement-timeout@3 statement-while-holding-access-exclusive@4
-- in-transaction: yes
ALTER TABLE a ADD COLUMN b int;
UPDATE a SET b = 1 WHERE id = 1;
