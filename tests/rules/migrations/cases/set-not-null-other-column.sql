-- expect: set-not-null-scans@5
SET lock_timeout = '2s';
ALTER TABLE events ADD CONSTRAINT kind_there CHECK (kind IS NOT NULL) NOT VALID;
ALTER TABLE events VALIDATE CONSTRAINT kind_there;
ALTER TABLE events ALTER COLUMN place SET NOT NULL;
