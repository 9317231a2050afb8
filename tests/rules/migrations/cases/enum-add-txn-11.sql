-- expect: enum-add-value-in-transaction@4
-- pg-version: 11
-- in-transaction: yes
ALTER TYPE "Mood" ADD VALUE 'excited';
