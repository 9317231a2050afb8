-- expect: unreadable@3
SELECT 1;
UPDATE users SET name = 'it;
