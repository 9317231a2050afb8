-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders ENABLE REPLICA TRIGGER audit, ENABLE ALWAYS TRIGGER audit2;
