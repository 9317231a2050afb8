-- expect: unbatched-backfill@2
UPDATE orders o SET user_name = u.name FROM users u WHERE u.id = o.user_id;
