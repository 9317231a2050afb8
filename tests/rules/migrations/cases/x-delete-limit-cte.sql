-- expect: nothing
WITH d AS (SELECT ctid FROM a WHERE old LIMIT 10000) DELETE FROM a USING d WHERE a.ctid = d.ctid;
