-- expect: unbatched-backfill@2 unbatched-backfill@3 unbatched-backfill@4 unbatched-backfill@5 unbatched-backfill@6
UPDATE users SET plan = v.plan FROM (VALUES ('a', 'b')) AS v (was, plan), teams t WHERE users.team_id = t.id;
UPDATE users SET plan = t.plan FROM teams t WHERE users.team_id = t.id;
DELETE FROM users USING teams t WHERE users.team_id = t.id;
UPDATE users SET a = v.a FROM (VALUES (1)) AS v (a);
DELETE FROM users WHERE (age, name) IN (SELECT 1, 'a');
