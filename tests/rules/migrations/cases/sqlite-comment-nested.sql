-- expect: drop-table@4
-- dialect: sqlite
/* a comment with /* one opener */
DROP TABLE t;
