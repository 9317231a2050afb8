-- expect: nothing
BEGIN;

-- Running upgrade 1a2b -> 3c4d

COMMIT;

CREATE INDEX CONCURRENTLY ix_a ON account (name);

BEGIN;

UPDATE alembic_version SET version_num='3c4d' WHERE alembic_version.version_num = '1a2b';

COMMIT;
