-- expect: domain-constraint@2
ALTER DOMAIN d ADD CHECK (VALUE <> '');
