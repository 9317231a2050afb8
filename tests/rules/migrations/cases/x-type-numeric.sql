-- expect: column-type-change@2 missing-lock-or-statement-timeout@2
ALTER TABLE invoices ALTER COLUMN "Amount" SET DATA TYPE numeric(19, 4);
