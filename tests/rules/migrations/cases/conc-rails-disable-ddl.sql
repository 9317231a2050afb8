-- expect: nothing
-- disable_ddl_transaction!
CREATE INDEX CONCURRENTLY "index_users_on_last_seen_at" ON "users" ("last_seen_at");
INSERT INTO "schema_migrations" (version) VALUES ('20240511103000');
