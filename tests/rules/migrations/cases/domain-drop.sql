-- expect: nothing
ALTER DOMAIN zipcode DROP CONSTRAINT zipchk;
