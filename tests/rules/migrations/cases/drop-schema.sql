-- expect: drop-schema@2
DROP SCHEMA reports CASCADE;
