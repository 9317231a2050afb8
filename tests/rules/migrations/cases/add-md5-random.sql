-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE lots ADD COLUMN code text DEFAULT md5(random()::text);
