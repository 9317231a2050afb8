-- expect: drop-not-null@2 missing-lock-or-statement-timeout@2
ALTER TABLE orders ALTER a SET DEFAULT 1, ALTER b DROP NOT NULL, ALTER c SET STATISTICS 400;
