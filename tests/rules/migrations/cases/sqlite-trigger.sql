-- expect: sqlite-writers-blocked@4
-- dialect: sqlite
CREATE TRIGGER stamp AFTER UPDATE ON users BEGIN UPDATE users SET at = 1 WHERE id = new.id; DELETE FROM logs; END;
VACUUM;
