-- expect: missing-lock-or-statement-timeout@2 unique-built-under-lock@2
ALTER TABLE t ADD CONSTRAINT u1 UNIQUE (a), ADD CONSTRAINT u2 UNIQUE USING INDEX u2i;
