-- expect: disable-trigger-all@2
SET session_replication_role = replica;
DELETE FROM orders WHERE id = 3;
SET session_replication_role = DEFAULT;
