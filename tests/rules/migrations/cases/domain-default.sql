-- expect: nothing
ALTER DOMAIN zipcode SET DEFAULT '00000';
