-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders DROP CONSTRAINT IF EXISTS orders_total_check;
