-- expect: nothing
INSERT INTO roles (name) VALUES ('admin'), ('user') ON CONFLICT (name) DO UPDATE SET name = excluded.name;
