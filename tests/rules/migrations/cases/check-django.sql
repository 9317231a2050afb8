-- expect: transaction-nesting@3 constraint-validated-under-lock@7 missing-lock-or-statement-timeout@7
-- in-transaction: yes
BEGIN;
--
-- Create constraint age_gte_18 on model person
--
ALTER TABLE "people_person" ADD CONSTRAINT "age_gte_18" CHECK ("age" >= 18);
COMMIT;
