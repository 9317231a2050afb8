-- expect: drop-not-null@3
SET lock_timeout = '2s';
ALTER TABLE events ALTER COLUMN kind DROP NOT NULL;
