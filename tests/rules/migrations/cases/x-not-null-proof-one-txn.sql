-- expect: missing-lock-or-statement-timeout@3 constraint-validated-under-lock@4 statement-while-holding-access-exclusive@4
-- in-transaction: yes
ALTER TABLE t ADD CONSTRAINT t_a_nn CHECK (a IS NOT NULL) NOT VALID;
ALTER TABLE t VALIDATE CONSTRAINT t_a_nn;
ALTER TABLE t ALTER a SET NOT NULL;
