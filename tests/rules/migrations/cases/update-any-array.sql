-- expect: nothing
UPDATE users SET flag = true WHERE id = ANY ('{1,2,3}'::int[]);
