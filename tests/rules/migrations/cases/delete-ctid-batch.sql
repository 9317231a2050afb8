-- expect: nothing
DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions WHERE created_at < now() LIMIT 1000));
