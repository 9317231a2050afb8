-- expect: unreadable@2
/* never closed
DROP TABLE users;
