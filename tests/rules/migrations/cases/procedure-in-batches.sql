-- expect: nothing
CREATE PROCEDURE fill(batch int) LANGUAGE plpgsql AS $$
DECLARE last bigint := 0;
BEGIN
  WHILE last < 1000000 LOOP
    UPDATE users SET tier = lower(plan) WHERE tier IS NULL AND mod(id, 7) = 1;
    COMMIT;
    last := last + batch;
  END LOOP;
END $$;
CALL fill(5000);
