-- expect: domain-constraint@2
ALTER DOMAIN zipcode SET NOT NULL;
