-- expect: set-not-null-scans@3
SET lock_timeout = '2s';
ALTER TABLE events ALTER COLUMN kind SET NOT NULL;
