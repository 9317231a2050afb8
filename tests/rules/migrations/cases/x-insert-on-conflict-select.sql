-- expect: nothing
INSERT INTO roles (name) SELECT 'x' WHERE NOT EXISTS (SELECT 1 FROM roles WHERE name = 'x');
