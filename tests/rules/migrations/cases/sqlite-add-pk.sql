-- expect: sqlite-alter-refused@3
-- dialect: sqlite
ALTER TABLE users ADD n INTEGER PRIMARY KEY;
