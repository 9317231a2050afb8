-- expect: nothing
UPDATE users SET flag = true WHERE id = $1;
