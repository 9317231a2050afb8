-- expect: missing-lock-or-statement-timeout@2 replication-identity-break@2
ALTER TABLE app.orders DROP CONSTRAINT IF EXISTS orders_pkey CASCADE;
