-- expect: domain-constraint@2
ALTER DOMAIN mail ADD CONSTRAINT short CHECK (length(VALUE) < 99);
