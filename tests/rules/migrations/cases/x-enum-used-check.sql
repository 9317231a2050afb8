-- expect: enum-add-value-in-transaction@3 missing-lock-or-statement-timeout@4
-- in-transaction: yes
ALTER TYPE s ADD VALUE 'b';
ALTER TABLE t ADD CONSTRAINT c CHECK (x <> 'b') NOT VALID;
