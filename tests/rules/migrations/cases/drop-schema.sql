-- expect: drop-table@2
DROP SCHEMA reports CASCADE;
