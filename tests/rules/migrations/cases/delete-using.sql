-- expect: unbatched-backfill@2
DELETE FROM dupes a USING dupes b WHERE a.id > b.id AND a.email = b.email;
