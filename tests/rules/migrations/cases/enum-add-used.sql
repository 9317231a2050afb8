-- expect: enum-add-value-in-transaction@3
-- in-transaction: yes
ALTER TYPE mood ADD VALUE 'excited';
UPDATE people SET mood = 'excited' WHERE id = 5;
