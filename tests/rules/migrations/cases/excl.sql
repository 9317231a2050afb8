-- expect: exclusion-constraint@2 missing-lock-or-statement-timeout@2
ALTER TABLE booking ADD CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, during WITH &&);
