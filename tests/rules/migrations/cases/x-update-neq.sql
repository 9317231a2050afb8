-- expect: unbatched-backfill@2
UPDATE a SET b = 1 WHERE id <> 5;
