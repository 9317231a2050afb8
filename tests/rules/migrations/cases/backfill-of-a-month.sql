-- expect: nothing
DELETE FROM logs WHERE at BETWEEN '2024-01-01' AND '2024-01-31';
UPDATE logs SET a = 1 WHERE at >= '2024-01-01 00:00:00+00' AND at < '2024-02-01';
UPDATE logs SET a = 1 WHERE at >= 'today' AND at < $1;
