-- expect: nothing
DO $$
DECLARE
  moved int;
BEGIN
  LOOP
    UPDATE users SET active = true WHERE id = ANY (ARRAY(SELECT id FROM users WHERE active IS NULL LIMIT 5000));
    GET DIAGNOSTICS moved = ROW_COUNT;
    EXIT WHEN moved = 0;
    COMMIT;
  END LOOP;
END
$$;
