-- expect: unreadable@2
SELECT 'abc;
DROP TABLE users;
