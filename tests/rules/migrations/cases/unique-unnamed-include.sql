-- expect: missing-lock-or-statement-timeout@2 unique-built-under-lock@2
ALTER TABLE IF EXISTS users ADD UNIQUE (email) INCLUDE (id) WITH (fillfactor=90) USING INDEX TABLESPACE fast;
