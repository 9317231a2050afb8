-- expect: missing-lock-or-statement-timeout@2 rename-column@4
ALTER TABLE t ADD COLUMN id_new bigint;
BEGIN;
ALTER TABLE t RENAME COLUMN id TO id_old;
ALTER TABLE t RENAME COLUMN id_new TO id;
COMMIT;
