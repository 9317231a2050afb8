-- expect: unbatched-backfill@3
-- dialect: sqlite
DELETE FROM t;
