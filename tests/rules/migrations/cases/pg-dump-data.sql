-- expect: nothing
CREATE TABLE public.roles (id integer NOT NULL, name text);
COPY public.roles (id, name) FROM stdin;
1	admin's; DROP TABLE roles;
2	user "quoted
3	\N
\.
SELECT pg_catalog.setval('public.roles_id_seq', 2, true);
ALTER TABLE ONLY public.roles ADD CONSTRAINT roles_pkey PRIMARY KEY (id);
