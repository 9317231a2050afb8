-- expect: unbatched-backfill@2
UPDATE users SET flag = true WHERE id = 5 OR email IS NULL;
