-- expect: unbatched-backfill@2
WITH src AS (SELECT id, upper(name) AS n FROM users) UPDATE users SET name = src.n FROM src WHERE src.id = users.id;
