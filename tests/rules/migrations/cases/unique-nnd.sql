-- expect: missing-lock-or-statement-timeout@3 unique-built-under-lock@3
-- pg-version: 15
ALTER TABLE users ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (tenant, email) DEFERRABLE;
