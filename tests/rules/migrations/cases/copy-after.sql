-- expect: drop-table@5 missing-lock-or-statement-timeout@5
COPY public.roles (id, name) FROM stdin WITH (FORMAT csv);
1,"x
\.
DROP TABLE public.roles;
