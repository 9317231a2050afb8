-- expect: missing-lock-or-statement-timeout@2
ALTER TABLE orders ALTER CONSTRAINT fk_u DEFERRABLE INITIALLY DEFERRED;
