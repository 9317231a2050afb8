-- expect: exclusion-constraint@2 missing-lock-or-statement-timeout@2
ALTER TABLE a ADD CONSTRAINT e EXCLUDE (b WITH =);
