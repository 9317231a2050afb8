-- expect: unbatched-backfill@3
-- dialect: sqlite
UPDATE users SET a = 1;
