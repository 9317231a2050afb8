-- expect: disable-trigger-all@2
SET session_replication_role TO REPLICA;
