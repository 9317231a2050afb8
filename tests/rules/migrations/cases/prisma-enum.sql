-- expect: enum-add-value-in-transaction@6 enum-add-value-in-transaction@7
-- pg-version: 11
-- in-transaction: yes
-- AlterEnum
-- This migration adds more than one value to an enum.
ALTER TYPE "Status" ADD VALUE 'PAUSED';
ALTER TYPE "Status" ADD VALUE 'ENDED';
