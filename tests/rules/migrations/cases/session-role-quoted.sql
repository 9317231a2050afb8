-- expect: disable-trigger-all@2
SET SESSION session_replication_role TO 'replica';
