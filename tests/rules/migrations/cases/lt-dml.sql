-- expect: nothing
INSERT INTO t VALUES (1);
