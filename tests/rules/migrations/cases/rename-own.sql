-- expect: nothing
CREATE TABLE users_new (LIKE users INCLUDING ALL);
ALTER TABLE users_new RENAME TO users_next;
ALTER TABLE users_next RENAME COLUMN id TO uid;
