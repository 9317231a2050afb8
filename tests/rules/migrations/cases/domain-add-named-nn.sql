-- expect: domain-constraint@2
ALTER DOMAIN public.email ADD CONSTRAINT email_at CHECK (position('@' in VALUE) > 1);
