-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders DISABLE RULE r1;
