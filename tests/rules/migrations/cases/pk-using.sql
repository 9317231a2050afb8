-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY USING INDEX users_id_idx;
