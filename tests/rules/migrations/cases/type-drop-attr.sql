-- expect: drop-column@2
ALTER TYPE addr DROP ATTRIBUTE IF EXISTS zip CASCADE;
