-- expect: drop-table@3 missing-lock-or-statement-timeout@3
SELECT a$1$b FROM t;
DROP TABLE zz;
