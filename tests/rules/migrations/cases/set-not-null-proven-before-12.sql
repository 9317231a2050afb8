-- expect: set-not-null-scans@6
-- pg-version: 11
SET lock_timeout = '2s';
ALTER TABLE events ADD CONSTRAINT kind_there CHECK (kind IS NOT NULL) NOT VALID;
ALTER TABLE events VALIDATE CONSTRAINT kind_there;
ALTER TABLE events ALTER COLUMN kind SET NOT NULL;
