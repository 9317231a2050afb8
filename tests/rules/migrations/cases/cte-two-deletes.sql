-- expect: unbatched-backfill@4
DO $$
BEGIN
WITH gone AS (
	DELETE FROM grants g WHERE NOT EXISTS (SELECT p.* FROM prefs p WHERE g.client = p.name) RETURNING g.token
)
DELETE FROM sessions s WHERE s.token in (select gone.token from gone);
END $$;
