-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_uuid;
ALTER TABLE orders DROP CONSTRAINT orders_pkey;
