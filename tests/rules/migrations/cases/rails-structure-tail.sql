-- expect: nothing
SET search_path TO "$user", public;
INSERT INTO "schema_migrations" (version) VALUES
('20240102030405'),
('20240101000000');
