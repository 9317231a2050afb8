-- expect: missing-lock-or-statement-timeout@2
CREATE TRIGGER t AFTER TRUNCATE ON users FOR EACH STATEMENT EXECUTE FUNCTION f();
