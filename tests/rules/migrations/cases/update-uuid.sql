-- expect: nothing
UPDATE plans SET price = 10 WHERE plans.id = '5f0c…'::uuid;
