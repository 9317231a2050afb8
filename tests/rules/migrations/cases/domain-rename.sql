-- expect: nothing
ALTER DOMAIN zipcode RENAME CONSTRAINT a TO b;
