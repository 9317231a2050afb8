-- expect: nothing
UPDATE users AS u SET flag = true WHERE lower(u.email) = 'a@b.c';
