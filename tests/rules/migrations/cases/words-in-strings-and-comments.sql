-- expect: nothing
/* DROP TABLE users; /* and */ TRUNCATE users CASCADE; */
SELECT 'DROP TABLE users;', E'it''s \'; DROP TABLE users;', $q$ DROP TABLE users; $q$, "DROP TABLE" FROM "a;b";
-- DROP TABLE users;
