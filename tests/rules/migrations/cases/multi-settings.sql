-- expect: nothing
-- in-transaction: yes
ALTER TABLE a SET (fillfactor = 70);
ALTER TABLE b SET (fillfactor = 70);
