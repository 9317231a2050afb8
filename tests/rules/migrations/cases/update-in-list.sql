-- expect: nothing
UPDATE plans SET price = 10 WHERE id IN (1, 2, 3);
