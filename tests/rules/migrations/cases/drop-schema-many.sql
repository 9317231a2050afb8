-- expect: drop-table@2
DROP SCHEMA a, b CASCADE;
