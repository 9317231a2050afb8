-- expect: drop-table@7
COPY users (id, name) FROM stdin;
1	O'Hara
2	; DROP TABLE users;
\.
SET lock_timeout = '2s';
DROP TABLE teams;
