-- expect: nothing
UPDATE settings SET value = 'x' WHERE name = 'theme';
DELETE FROM settings WHERE id IN (1, 2, 3);
