-- expect: column-type-change@2
ALTER TYPE address ALTER ATTRIBUTE zip TYPE text CASCADE;
