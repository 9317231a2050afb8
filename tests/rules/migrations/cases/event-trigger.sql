-- expect: missing-lock-or-statement-timeout@4
CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA extensions;
CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING;
