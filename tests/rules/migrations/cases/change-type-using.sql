-- expect: column-type-change@3
SET lock_timeout = '2s';
ALTER TABLE events ALTER payload SET DATA TYPE jsonb USING payload::jsonb;
