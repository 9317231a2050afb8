-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey;
