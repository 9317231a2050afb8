-- expect: rename-column@2
ALTER TYPE address RENAME ATTRIBUTE zip TO postcode CASCADE;
