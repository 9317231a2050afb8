-- expect: missing-lock-or-statement-timeout@2 primary-key-built-under-lock@2
ALTER TABLE ONLY public.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
