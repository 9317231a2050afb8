-- expect: drop-schema@2
DROP SCHEMA a, b CASCADE;
