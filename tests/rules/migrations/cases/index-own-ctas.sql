-- expect: nothing
CREATE TABLE daily AS SELECT day, count(*) AS n FROM visits GROUP BY day;
CREATE UNIQUE INDEX daily_day ON daily (day);
