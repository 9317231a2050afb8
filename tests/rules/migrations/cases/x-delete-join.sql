-- expect: unbatched-backfill@2
DELETE FROM a USING b WHERE b.a_id = a.id AND b.gone;
