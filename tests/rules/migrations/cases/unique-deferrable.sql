-- expect: missing-lock-or-statement-timeout@2 unique-built-under-lock@2
ALTER TABLE items ADD CONSTRAINT pos_u UNIQUE (list_id, position) DEFERRABLE INITIALLY DEFERRED;
