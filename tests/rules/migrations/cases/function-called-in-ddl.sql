-- expect: missing-lock-or-statement-timeout@3 unbatched-backfill@4 ddl-plus-backfill-same-txn@4 statement-while-holding-access-exclusive@5
-- in-transaction: yes
ALTER TABLE t ADD COLUMN h text;
CREATE FUNCTION pg_temp.fill() RETURNS void LANGUAGE 'plpgsql' AS $$ BEGIN UPDATE t SET h = md5(body); END $$;
SELECT pg_temp.fill();
