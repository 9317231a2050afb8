-- expect: nothing
INSERT INTO audit (what) VALUES ('UPDATE users SET x = 1; DELETE FROM users');
