-- expect: column-type-change@3
SET lock_timeout = '2s';
ALTER TABLE users ALTER COLUMN name TYPE text USING (name::text);
