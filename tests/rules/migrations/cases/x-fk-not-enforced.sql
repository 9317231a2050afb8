-- expect: missing-lock-or-statement-timeout@3
-- pg-version: 18
ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES c (id) NOT ENFORCED;
