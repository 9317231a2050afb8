-- expect: missing-lock-or-statement-timeout@5 ddl-plus-backfill-same-txn@6 statement-while-holding-access-exclusive@6 unbatched-backfill@6
DO $$
BEGIN
	IF NOT EXISTS (SELECT 1) THEN
		ALTER TABLE rooms ADD COLUMN last_at bigint DEFAULT '0'::bigint;
		WITH q AS (
			SELECT rooms.id room_id, COALESCE(MAX(posts.at), 0) AS last FROM rooms LEFT JOIN posts ON rooms.id = posts.room_id GROUP BY rooms.id
		)
		UPDATE rooms SET last_at = q.last FROM q WHERE q.room_id = rooms.id;
	END IF;
END $$;
