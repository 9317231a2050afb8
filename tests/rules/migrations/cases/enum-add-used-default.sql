-- expect: enum-add-value-in-transaction@3 missing-lock-or-statement-timeout@4
-- in-transaction: yes
ALTER TYPE mood ADD VALUE 'excited';
ALTER TABLE people ALTER COLUMN mood SET DEFAULT 'excited';
