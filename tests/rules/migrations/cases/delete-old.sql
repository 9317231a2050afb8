-- expect: unbatched-backfill@2
DELETE FROM sessions WHERE created_at < now() - interval '30 days';
