-- expect: nothing
UPDATE users SET flag = true WHERE id IN (SELECT id FROM users WHERE flag IS NULL ORDER BY id FETCH FIRST 1000 ROWS ONLY);
