-- expect: unbatched-backfill@2
UPDATE users SET flag = true WHERE id BETWEEN 1 AND 50000000;
