-- expect: drop-table@3 missing-lock-or-statement-timeout@3
INSERT INTO t VALUES (E'it\'s; DROP', U&'d\0061t\+000061', B'101', X'1F', N'x', $q$ ; ' $q$);
DROP TABLE t;
