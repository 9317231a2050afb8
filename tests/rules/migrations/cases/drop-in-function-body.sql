-- expect: nothing
CREATE OR REPLACE FUNCTION cleanup() RETURNS void LANGUAGE plpgsql AS $function$
BEGIN
  DROP TABLE IF EXISTS tmp_rows;
  DELETE FROM logs;
  CREATE INDEX i ON logs (at);
END;
$function$;
