-- expect: nothing
CREATE DOMAIN posint AS int;
ALTER DOMAIN posint ADD CHECK (VALUE > 0);
