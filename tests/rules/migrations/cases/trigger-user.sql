-- expect: disable-trigger-all@2 missing-lock-or-statement-timeout@2
ALTER TABLE orders DISABLE TRIGGER USER;
