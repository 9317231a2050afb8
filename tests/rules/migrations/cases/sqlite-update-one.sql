-- expect: nothing
-- dialect: sqlite
UPDATE users SET a = 1 WHERE id = 4;
