-- expect: nothing
CREATE TABLE profile (id int PRIMARY KEY, user_id int UNIQUE NOT NULL REFERENCES users (id));
