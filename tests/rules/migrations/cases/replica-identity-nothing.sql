-- expect: replication-identity-break@3
SET lock_timeout = '2s';
ALTER TABLE users REPLICA IDENTITY NOTHING;
