-- expect: nothing
CREATE PROCEDURE p() LANGUAGE plpgsql AS '
BEGIN
  UPDATE users SET a = ''x'';
  COMMIT;
END';
