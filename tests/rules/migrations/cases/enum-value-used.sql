-- expect: enum-add-value-in-transaction@3
BEGIN;
ALTER TYPE mood ADD VALUE 'calm';
UPDATE users SET mood = 'calm' WHERE id = 1;
COMMIT;
