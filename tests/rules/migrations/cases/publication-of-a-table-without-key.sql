-- expect: replication-identity-break@3
CREATE TABLE feed (a int, b text);
ALTER PUBLICATION app_pub ADD TABLE ONLY feed (a), TABLE orders;
