-- expect: missing-lock-or-statement-timeout@2
CREATE TRIGGER t BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
