-- expect: missing-lock-or-statement-timeout@3
-- in-transaction: yes
ALTER TABLE roles ADD COLUMN rank int;
INSERT INTO roles (name, rank) VALUES ('x', 1);
