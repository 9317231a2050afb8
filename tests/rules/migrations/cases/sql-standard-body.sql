-- expect: missing-lock-or-statement-timeout@4
-- pg-version: 14
CREATE FUNCTION wipe() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM logs; SELECT CASE WHEN 1 = 1 THEN 2 END; END;
ALTER TABLE a ADD COLUMN b int;
