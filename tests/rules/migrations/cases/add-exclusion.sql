-- expect: exclusion-constraint@3
SET lock_timeout = '2s';
ALTER TABLE rooms ADD CONSTRAINT no_overlap EXCLUDE USING gist (room WITH =, during WITH &&);
