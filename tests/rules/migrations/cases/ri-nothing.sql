-- expect: missing-lock-or-statement-timeout@2 replication-identity-break@2
ALTER TABLE orders REPLICA IDENTITY NOTHING;
