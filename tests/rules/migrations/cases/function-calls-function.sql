-- expect: missing-lock-or-statement-timeout@2 statement-while-holding-access-exclusive@2 truncate-cascade@2
CREATE FUNCTION a() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'TRUNCATE accounts CASCADE'; PERFORM b(); END $$;
CREATE FUNCTION b() RETURNS void LANGUAGE sql AS 'SELECT 1';
DO $$ BEGIN PERFORM a(); PERFORM a(); END $$;
