-- expect: nothing
-- pg-version: 15
-- in-transaction: yes
ALTER TYPE "Mood" ADD VALUE 'excited';
