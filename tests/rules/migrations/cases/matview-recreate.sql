-- expect: nothing
DROP MATERIALIZED VIEW IF EXISTS leaderboard;
CREATE MATERIALIZED VIEW leaderboard AS SELECT user_id, sum(points) FROM scores GROUP BY 1;
CREATE UNIQUE INDEX ON leaderboard (user_id);
