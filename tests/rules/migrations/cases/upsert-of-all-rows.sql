-- expect: unbatched-backfill@2
INSERT INTO counters (user_id, n) SELECT user_id, count(*) FROM posts GROUP BY user_id
ON CONFLICT (user_id) DO UPDATE SET n = excluded.n;
