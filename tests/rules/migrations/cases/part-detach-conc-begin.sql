-- expect: concurrently-inside-transaction@4
-- pg-version: 14
BEGIN;
ALTER TABLE events DETACH PARTITION events_2019 CONCURRENTLY;
COMMIT;
