-- expect: nothing
-- dialect: sqlite
CREATE TRIGGER t AFTER UPDATE ON users BEGIN UPDATE users SET a = 1; DELETE FROM b; END;
