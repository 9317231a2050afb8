-- expect: unbatched-backfill@2
UPDATE users SET locale = 'en' WHERE locale IS NULL;
