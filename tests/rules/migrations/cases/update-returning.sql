-- expect: unbatched-backfill@2
UPDATE users SET flag = true RETURNING id;
