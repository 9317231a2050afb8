-- expect: unbatched-backfill@2
DELETE FROM ONLY public."Sessions" WHERE "expiresAt" < CURRENT_TIMESTAMP;
