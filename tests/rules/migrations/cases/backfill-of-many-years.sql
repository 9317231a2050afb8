-- expect: unbatched-backfill@2 unbatched-backfill@3
DELETE FROM logs WHERE at BETWEEN '2000-01-01' AND DATE '2023-01-01';
UPDATE logs SET a = 1 WHERE at >= '2020-01-01 00:00:00+00' AND at < '2024-01-01';
