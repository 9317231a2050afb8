-- expect: missing-lock-or-statement-timeout@3
BEGIN;
ALTER TABLE t DROP CONSTRAINT t_pkey;
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_new_id;
COMMIT;
