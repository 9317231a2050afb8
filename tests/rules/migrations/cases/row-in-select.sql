-- expect: unbatched-backfill@2
DELETE FROM memberships WHERE (postid, userid) IN (SELECT m.postid, m.userid FROM memberships m LEFT JOIN c ON c.u = m.userid WHERE c.id IS NULL);
