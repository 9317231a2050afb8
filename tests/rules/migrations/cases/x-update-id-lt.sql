-- expect: nothing
UPDATE a SET b = 1 WHERE id > 1000 AND id <= 2000 AND b IS NULL;
