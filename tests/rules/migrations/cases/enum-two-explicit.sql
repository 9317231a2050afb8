-- expect: enum-add-value-in-transaction@3
BEGIN;
ALTER TYPE kind ADD VALUE 'gift';
COMMIT;
INSERT INTO kinds VALUES ('gift');
