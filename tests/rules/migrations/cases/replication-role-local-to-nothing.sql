-- expect: nothing
SET LOCAL session_replication_role = 'replica';
INSERT INTO roles VALUES (1);
