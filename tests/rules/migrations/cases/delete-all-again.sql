-- expect: unbatched-backfill@2
DELETE FROM sessions;
