-- expect: nothing
UPDATE a SET b = 1 WHERE id = -1;
