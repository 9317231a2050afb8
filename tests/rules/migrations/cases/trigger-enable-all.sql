-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders ENABLE TRIGGER ALL;
