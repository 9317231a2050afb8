-- expect: nothing
SELECT user_id, max(at) AS last_at INTO last_seen FROM visits GROUP BY user_id;
CREATE INDEX last_seen_user ON last_seen (user_id);
