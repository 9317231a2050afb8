-- expect: unbatched-backfill@2
UPDATE orders SET state = 'closed' WHERE state = 'done' AND closed_at < now();
