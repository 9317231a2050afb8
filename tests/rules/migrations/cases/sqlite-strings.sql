-- expect: drop-table@4
-- dialect: sqlite
INSERT INTO t VALUES ('it''s', "x;y", x'00');
DROP TABLE t;
