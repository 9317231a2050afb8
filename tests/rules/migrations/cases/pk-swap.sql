-- expect: missing-lock-or-statement-timeout@3
BEGIN;
ALTER TABLE users DROP CONSTRAINT users_pkey, ADD CONSTRAINT users_pkey PRIMARY KEY USING INDEX users_uuid_idx;
COMMIT;
