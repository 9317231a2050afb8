-- expect: nothing
-- dialect: sqlite
ALTER TABLE users ADD COLUMN team_id INTEGER REFERENCES teams(id);
