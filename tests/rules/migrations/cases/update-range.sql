-- expect: nothing
UPDATE users SET locale = 'en' WHERE id >= 1 AND id < 10001;
