-- expect: nothing
ALTER DOMAIN email VALIDATE CONSTRAINT email_at;
