-- expect: drop-column@2 drop-column@2 missing-lock-or-statement-timeout@2
ALTER TABLE IF EXISTS ONLY shop.orders * DROP COLUMN a, DROP COLUMN b RESTRICT, ADD COLUMN c int;
