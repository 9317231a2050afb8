-- expect: unbatched-backfill@5
CREATE FUNCTION fill_all() RETURNS void AS $$
BEGIN
  RAISE NOTICE 'begin';
  UPDATE big SET h = md5(body);
END;
$$ LANGUAGE plpgsql;
SELECT fill_all();
DROP FUNCTION fill_all();
