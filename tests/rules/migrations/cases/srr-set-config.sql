-- expect: disable-trigger-all@2
SELECT set_config('session_replication_role', 'replica', false);
