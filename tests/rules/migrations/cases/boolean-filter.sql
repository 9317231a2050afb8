-- expect: unbatched-backfill@2
UPDATE "Booking" SET "status" = 'rejected' WHERE "rejected" = TRUE;
