-- expect: nothing
COPY t (a, b) FROM stdin;
1	it's
2	DROP TABLE users;
\.
SELECT 1;
