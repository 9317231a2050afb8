-- expect: nothing
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE users ADD COLUMN score int;
COMMIT;
UPDATE users SET score = 0 WHERE id BETWEEN 1 AND 5000;
