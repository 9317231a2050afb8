-- expect: unbatched-backfill@2
DELETE FROM comments WHERE post_id IN (SELECT id FROM posts WHERE deleted);
