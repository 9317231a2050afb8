-- expect: column-type-change@2 missing-lock-or-statement-timeout@2
ALTER TABLE ONLY "orders" ALTER "state" SET DATA TYPE integer USING ("state"::integer);
