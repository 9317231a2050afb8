-- expect: nothing
CREATE FUNCTION outer_f() RETURNS void LANGUAGE plpgsql AS $outer$
BEGIN
  EXECUTE $inner$ DROP TABLE x; $inner$;
  EXECUTE $$ DELETE FROM y $$;
END;
$outer$;
