-- expect: drop-column@2
DROP EXTENSION hstore CASCADE;
