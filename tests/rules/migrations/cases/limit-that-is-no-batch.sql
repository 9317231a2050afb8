-- expect: unbatched-backfill@2 unbatched-backfill@3 unbatched-backfill@4
DELETE FROM events WHERE id IN (SELECT id FROM events WHERE old LIMIT 10000000);
DELETE FROM events WHERE id IN (SELECT id FROM events WHERE old LIMIT ALL);
UPDATE events SET seen = true WHERE old IN (SELECT old FROM events FETCH FIRST 2000000 ROWS ONLY);
