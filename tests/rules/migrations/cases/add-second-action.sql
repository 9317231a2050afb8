-- expect: add-column-rewrites-table@2 missing-lock-or-statement-timeout@2
ALTER TABLE lots
  ADD COLUMN a text,
  ADD COLUMN b uuid DEFAULT gen_random_uuid(), -- volatile
  ADD COLUMN c int DEFAULT 5;
