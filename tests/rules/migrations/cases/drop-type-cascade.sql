-- expect: drop-column@2
DROP TYPE mood CASCADE;
