-- expect: unbatched-backfill@2
UPDATE posts SET comment_count = (SELECT count(*) FROM comments WHERE comments.post_id = posts.id);
