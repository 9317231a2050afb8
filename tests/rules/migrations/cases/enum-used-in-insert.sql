-- expect: enum-add-value-in-transaction@3
-- in-transaction: yes
ALTER TYPE kind ADD VALUE IF NOT EXISTS 'gift' BEFORE 'other';
INSERT INTO kinds VALUES ('gift');
