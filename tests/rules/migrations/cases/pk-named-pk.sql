-- expect: missing-lock-or-statement-timeout@2 replication-identity-break@2
ALTER TABLE items DROP CONSTRAINT PK_Items;
