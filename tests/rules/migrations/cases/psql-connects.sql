-- expect: unreadable@2
\connect app
SELECT 1;
