-- expect: nothing
INSERT INTO user_settings (user_id) SELECT id FROM users;
