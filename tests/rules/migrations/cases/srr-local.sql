-- expect: disable-trigger-all@3
-- in-transaction: yes
SET LOCAL session_replication_role = 'replica';
INSERT INTO t VALUES (1);
SET LOCAL session_replication_role = 'origin';
