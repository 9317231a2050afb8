-- expect: domain-constraint@2 add-column-rewrites-table@3 missing-lock-or-statement-timeout@3
CREATE DOMAIN email AS citext CHECK (VALUE ~ '@');
ALTER TABLE users ADD COLUMN contact email;
