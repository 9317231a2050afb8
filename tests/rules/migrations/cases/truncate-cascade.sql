-- expect: truncate-cascade@3
SET lock_timeout = '2s';
TRUNCATE TABLE users, teams RESTART IDENTITY CASCADE;
