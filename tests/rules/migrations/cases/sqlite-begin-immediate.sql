-- expect: uncommitted-transaction@3
-- dialect: sqlite
BEGIN IMMEDIATE;
INSERT INTO t VALUES (1);
