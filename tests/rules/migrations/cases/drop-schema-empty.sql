-- expect: drop-schema@2
DROP SCHEMA IF EXISTS reports;
