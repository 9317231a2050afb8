-- expect: unbatched-backfill@2
UPDATE posts SET last_comment = (SELECT c.id FROM comments c WHERE c.post_id = posts.id ORDER BY at DESC LIMIT 1);
