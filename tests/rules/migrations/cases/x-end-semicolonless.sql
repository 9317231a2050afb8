-- expect: nothing
BEGIN; INSERT INTO a VALUES (1); END
