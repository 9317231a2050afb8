-- expect: unbatched-backfill@2
DELETE FROM comments c WHERE NOT EXISTS (SELECT 1 FROM posts p WHERE p.id = c.post_id);
