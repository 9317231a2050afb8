-- expect: missing-lock-or-statement-timeout@2
DROP TRIGGER IF EXISTS set_updated ON orders;
DROP FUNCTION IF EXISTS touch() CASCADE;
