-- expect: unbatched-backfill@2
UPDATE users u SET active = true FROM teams t WHERE t.id = u.team_id AND u.active IS NULL;
