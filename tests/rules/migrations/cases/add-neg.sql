-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE accounts ADD COLUMN floor numeric(12,2) DEFAULT -1.50;
