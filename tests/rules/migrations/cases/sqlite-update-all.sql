-- expect: unbatched-backfill@3
-- dialect: sqlite
UPDATE users SET active = 1;
