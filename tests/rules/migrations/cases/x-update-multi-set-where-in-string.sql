-- expect: unbatched-backfill@2
UPDATE a SET b = 'x WHERE id = 1', c = 2;
